"""A HAR file (HTTP Archive 1.2), entry by entry."""

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from phonehome.analysis import __version__
from phonehome.analysis.report.model import url
from phonehome.analysis.transmission import Headers, Transmission

MOST_TIME: Final = 2e11
"""Seconds since 1970: about the year 8307."""


def fits(sent: Transmission) -> bool:
    """Whether a HAR file can hold it: HTTP and WebSocket only."""
    return sent.protocol in ("http", "websocket") and sent.unopened is None


def write(transmissions: Iterable[Transmission]) -> Iterator[bytes]:
    """The file, piece by piece."""
    creator = json.dumps({"name": "phonehome", "version": __version__})
    yield f'{{"log": {{"version": "1.2", "creator": {creator}, "pages": [], "entries": ['.encode()
    comma = b"\n"
    for sent in transmissions:
        yield comma + json.dumps(_entry(sent), allow_nan=False).encode()
        comma = b",\n"
    yield b"\n]}}\n"


def _entry(sent: Transmission) -> dict[str, Any]:
    took = ((sent.end or sent.time) - sent.time) * 1000
    took = took if 0 < took < MOST_TIME else 0
    body = sent.payloads[0] if sent.payloads and sent.protocol == "http" else b""
    request: dict[str, Any] = {
        "method": sent.method or "GET",
        "url": url(sent),
        "httpVersion": sent.http_version or "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(sent.headers),
        "queryString": [],
        "headersSize": -1,
        "bodySize": len(body) + sent.truncated,
    }
    if body:
        kind = sent.header("content-type")
        request["postData"] = {"mimeType": kind, "params": [], **_content(body)}
    entry: dict[str, Any] = {
        "startedDateTime": _time(sent.time),
        "time": took,
        "request": request,
        "response": _response(sent),
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
    }
    if sent.address and sent.address_source == "connection":
        entry["serverIPAddress"] = sent.address
    if sent.client:
        entry["_clientAddress"] = sent.client
    if sent.protocol == "websocket":
        entry["_webSocketMessages"] = [
            {
                "type": "send",
                "time": sent.time if 0 < sent.time < MOST_TIME else 0,
                "opcode": 2,
                "data": base64.b64encode(data).decode(),
            }
            for data in sent.payloads
        ]
    return entry


def _time(time: float) -> str:
    """RFC 3339; of a time that no calendar has, the beginning of 1970."""
    moment = datetime.fromtimestamp(time if 0 < time < MOST_TIME else 0, UTC)
    return moment.isoformat(timespec="milliseconds")


def _response(sent: Transmission) -> dict[str, Any]:
    reply = sent.reply
    body = reply.body if reply and reply.body and not reply.encoding else b""
    response: dict[str, Any] = {
        "status": (reply.status or 0) if reply else 0,
        "statusText": "",
        "httpVersion": sent.http_version or "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(reply.edge) if reply else [],
        "content": {
            "size": reply.size if reply else 0,
            "mimeType": header(reply.edge, "content-type") if reply else "",
            **(_content(body) if body else {}),
        },
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": reply.size if reply else 0,
    }
    if reply is None and sent.error:
        response["_error"] = sent.error
    return response


def header(headers: Headers, wanted: str) -> str:
    """The first header of that name (lower case), or an empty string."""
    return next((value for name, value in headers if name.lower() == wanted), "")


def _pairs(headers: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _content(data: bytes) -> dict[str, str]:
    """A body as text, or as base64 if it is none (as PCAPdroid marks it)."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(data).decode(), "encoding": "base64"}
