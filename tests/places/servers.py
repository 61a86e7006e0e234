"""A name server and a registry on the loopback interface, for the tests of online look-ups."""

import contextlib
import http.server
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """Answers UDP queries from records such as `{"www.example.org": [("CNAME", "example.org.")]}`.

    Follows aliases as a recursive server does. Names in `silent` get no answer, those in `broken` SERVFAIL.
    """

    def __init__(self, records: Mapping[str, list[tuple[str, str]]]) -> None:
        self.records = {dns.name.from_text(name): values for name, values in records.items()}
        self.silent: set[str] = set()
        self.broken: set[str] = set()
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, client = self._socket.recvfrom(4096)
                if wire == b"stop":
                    break
                reply = self._reply(dns.message.from_wire(wire))
                if reply is not None:
                    self._socket.sendto(reply.to_wire(), client)
        self._socket.close()

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"stop", ("127.0.0.1", self.port))

    def _reply(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name
        text = name.to_text(omit_final_dot=True).lower()
        self.asked.append(text)
        if text in self.silent:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if text in self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply
        for _ in range(8):
            values = self.records.get(name)
            if values is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
                return reply
            alias = [value for kind, value in values if kind == "CNAME"]
            if not alias:
                break
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", alias[0]))
            name = dns.name.from_text(alias[0])
        kind = dns.rdatatype.to_text(question.rdtype)
        matching = [value for each, value in self.records.get(name, []) if each == kind]
        if matching:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *matching))
        return reply


@contextlib.contextmanager
def name_server(records: Mapping[str, list[tuple[str, str]]]) -> Iterator[NameServer]:
    server = NameServer(records)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(5)


class _OnLoopback(urllib.request.BaseHandler):
    """Sends every request to the test's server, whatever host it names; the path stays."""

    def __init__(self, port: int) -> None:
        self.port = port

    def https_open(self, request: urllib.request.Request) -> Any:
        url = f"http://127.0.0.1:{self.port}{request.selector}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return opener.open(
            urllib.request.Request(url, headers=dict(request.header_items())), timeout=request.timeout
        )


class Registry:
    """Answers `/bootstrap/ip/ADDRESS` with what `entries` says: (status, body)."""

    def __init__(self, port: int, asked: list[str]) -> None:
        self.asked = asked
        self.opener = urllib.request.OpenerDirector()
        for handler in (
            _OnLoopback(port),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
        ):
            self.opener.add_handler(handler)


@contextlib.contextmanager
def registry(entries: Mapping[str, tuple[int, bytes]]) -> Iterator[Registry]:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = self.path.rpartition("/")[2]
            asked.append(address)
            status, body = entries.get(address, (404, b"{}"))
            self.send_response(status)
            self.send_header("Content-Type", "application/rdap+json")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Registry(server.server_address[1], asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def rdap(name: str, country: str | None, holder: str, roles: tuple[str, ...] = ("registrant",)) -> bytes:
    """A reply as registries give it (RFC 9083, section 5.4), shortened."""
    entry: dict[str, Any] = {
        "objectClassName": "ip network",
        "handle": "NET-1",
        "startAddress": "13.228.0.0",
        "endAddress": "13.231.255.255",
        "ipVersion": "v4",
        "name": name,
        "type": "DIRECT ALLOCATION",
        "entities": [
            {
                "objectClassName": "entity",
                "handle": "ORG-1",
                "roles": list(roles),
                "vcardArray": [
                    "vcard",
                    [["version", {}, "text", "4.0"], ["fn", {}, "text", holder], ["kind", {}, "text", "org"]],
                ],
            }
        ],
    }
    if country:
        entry["country"] = country
    return json.dumps(entry).encode()
