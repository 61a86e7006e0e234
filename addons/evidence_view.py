"""Shows in mitmproxy what a message carries: decoded values with their paths, identifiers marked.

    mitmweb -s addons/evidence_view.py
    mitmdump -nr capture.mitm -s addons/evidence_view.py --set dumper_default_contentview=phonehome --flow-detail 3

In mitmweb and mitmproxy choose the view `phonehome`. It is what `phonehome inspect` prints. Identifiers are masked in
it unless `evidence_view_identifiers` says otherwise; URL and headers that mitmproxy itself prints around it are as they
were sent.
"""

from mitmproxy import contentviews, ctx, dns, http
from mitmproxy.addonmanager import Loader

from phonehome.addons import shared
from phonehome.analysis.devices import device_id
from phonehome.analysis.examiner import Content, Evidence, Examiner
from phonehome.analysis.identifiers.mask import Masks
from phonehome.analysis.render import transmissions
from phonehome.analysis.report.located import Session
from phonehome.analysis.sources import live_flow

REPLY = ("reply",)
"""What paths of values that came back begin with."""


class EvidenceView(contentviews.Contentview):
    """The addon, and the view. It is never chosen by itself: mitmproxy's own views of a message rank higher."""

    name = "phonehome"

    def __init__(self) -> None:
        self._examiner = Examiner()
        self._masks = Masks()
        self._session: Session | None = None

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "evidence_view_identifiers",
            str,
            "masked",
            "How the view `phonehome` shows identifiers.",
            choices=["masked", "shown"],
        )
        shared.load(loader)
        contentviews.add(self)

    def configure(self, updated: set[str]) -> None:
        shared.configure(updated)
        if shared.GEO_DB in updated or shared.AT in updated:
            self._session = None
        if shared.CATALOGUE in updated:
            names, self._examiner = self._examiner.names, Examiner(shared.knowledge())
            self._examiner.names = names

    def dns_response(self, flow: dns.DNSFlow) -> None:
        if (sent := live_flow.transmission(flow)) is not None:
            self._examiner.learn(sent)

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.is_replay is None:
            self._heard().hear(flow.request.timestamp_start, *live_flow.heard(flow))

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        sent = live_flow.transmission(metadata.flow) if metadata.flow else None
        if sent is None:
            return "nothing that a device sent"
        evidence = self._part(self._examiner.examine(sent), data, metadata)
        shown = transmissions.entry(
            "",
            device_id(sent),
            evidence,
            self._heard().locate,
            self._examiner.knowledge.catalogue,
            None if ctx.options.evidence_view_identifiers == "shown" else self._masks,
        )
        return "\n".join(line.plain for line in transmissions.lines(shown))

    def _heard(self) -> Session:
        """What the session holds of where destinations are."""
        if self._session is None:
            self._session = Session(shared.location_database().locate, shared.at())
        return self._session

    def _part(self, whole: Evidence, data: bytes, metadata: contentviews.Metadata) -> Evidence:
        """What one message of an exchange shows: the whole for a request, else what stands in the message alone."""
        message = metadata.websocket_message or metadata.tcp_message or metadata.udp_message
        if message is not None and message.from_client:
            alone = whole.transmission._replace(payloads=(data,), truncated=0)
            if metadata.websocket_message is not None:
                alone = alone._replace(path="", headers=())
            examined = self._examiner.examine(alone)
            part = Content(examined.values, examined.opaque, examined.findings)
        elif message is not None or isinstance(metadata.http_message, http.Response):
            part = self._examiner.examine_content(data, metadata.content_type or "", REPLY)
        else:
            return whole
        # What the rest of the exchange shows to be an identifier is hidden here too, but marks nothing here.
        elsewhere = tuple(finding._replace(path=()) for finding in whole.findings)
        return whole._replace(values=part.values, opaque=part.opaque, findings=(*part.findings, *elsewhere))


addons = [EvidenceView()]
