"""Lets phones find the proxy's own pages, also where names do not resolve: the certificate's and the live report's.

    mitmdump --mode wireguard -s addons/own_names.py

mitmproxy answers what is sent to http://mitm.it itself, but a phone asks for its address first, and mitmproxy asks a
name server of the internet for it. `phonehome proxy` asks this addon before: the name gets an address that is nobody's.
In transparent mode a phone's name server may be another one; there the addresses themselves lead to the pages.
"""

import ipaddress
from typing import Final

from mitmproxy import ctx, dns, http
from mitmproxy.net.dns import classes, types

PAGE: Final = "192.0.2.80"
CERTIFICATE: Final = "192.0.2.81"
"""Addresses for documentation (RFC 5737), so that what is sent there comes here and nowhere else."""
OURS: Final = "phonehome_page"
"""What marks a flow that was answered here."""


class OwnNames:
    """The addon. It has no state."""

    def dns_request(self, flow: dns.DNSFlow) -> None:
        options = ctx.options
        if options.onboarding:
            answer(flow, options.onboarding_host, CERTIFICATE)
        if "phonehome_live_report_host" in options:
            answer(flow, options.phonehome_live_report_host, PAGE)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if ctx.options.onboarding and flow.request.data.host == CERTIFICATE:
            flow.request.host_header = ctx.options.onboarding_host


def answer(flow: dns.DNSFlow, host: str, address: str) -> bool:
    """Answers a question for this host with this IPv4 address, and those for anything else of it with nothing. Says
    whether it was one."""
    question = flow.request.questions[0] if len(flow.request.questions) == 1 else None
    if question is None or question.name.lower().rstrip(".") != host.lower():
        return False
    asked_for_it = (question.type, question.class_) == (types.A, classes.IN)
    found = [dns.ResourceRecord.A(question.name, ipaddress.IPv4Address(address), ttl=1)]
    flow.response = flow.request.succeed(found if asked_for_it else [])
    flow.metadata[OURS] = True
    return True


addons = [OwnNames()]
