"""Captures out of labelled requests (`benchmarks/labels`, whose README explains the files), and the truth about them.

Nothing of `phonehome` takes part: values are put in by this file, flows are mitmproxy's own and are written by its
FlowWriter. The same labels always make the same bytes.
"""

import base64
import gzip
import hashlib
import json
import random
import re
import struct
import tomllib
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

LABELS: Final = Path(__file__).with_name("labels")
HELD_OUT: Final = LABELS / "held-out"
"""Labels that were written before the rules that they are to judge."""
_MARK = re.compile(r"<<([a-z+-]+)((?:\.[a-z0-9]+)?)(?::([a-z0-9]+))?((?:\|[a-z0-9]+)*)>>")
_START: Final = 1_693_994_000.0
_HEX = "0123456789abcdef"
_WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Label(NamedTuple):
    """One identifier that a request holds."""

    host: str
    kinds: tuple[str, ...]
    """What it may be called."""
    value: str
    written: str
    """As it stands there."""


class Request(NamedTuple):
    """One request, put together."""

    client: str
    sdk: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    labels: tuple[Label, ...]
    traits: tuple[str, ...]
    """What is true of the phone and many others: model, build, operator."""


def requests(folder: Path = LABELS) -> Iterator[Request]:
    """All labelled requests, in order of files."""
    for file in sorted(folder.glob("*.toml")):
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        if "phone" not in content:
            continue
        phone = _Phone(file.stem, content["phone"])
        for entry in content["request"]:
            yield phone.request(entry)


class Nothing(NamedTuple):
    """What holds no identifier of the phone or of who uses it."""

    what: str
    body: str
    form: bool
    """A form; else JSON."""
    reply: bool
    """A server sent it."""


def nothings(file: Path = HELD_OUT / "nothing.toml") -> Iterator[Nothing]:
    """All cases of a file, in its order."""
    for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]:
        yield Nothing(case["what"], case["body"], case.get("form", False), case.get("reply", False))


class _Phone:
    def __init__(self, name: str, content: dict[str, Any]) -> None:
        self._name = name
        self.client: str = content.pop("client")
        self._traits: tuple[str, ...] = tuple(content.pop("traits"))
        self._values: dict[str, str] = content

    def request(self, entry: Mapping[str, Any]) -> Request:
        labels: list[Label] = []
        method, _, url = entry["url"].partition(" ")
        host = urlsplit(url).hostname or ""
        parts = entry.get("part", {})

        def fill(text: str, *, quoted: bool = False, inside: bool = False) -> str:
            def put(match: re.Match[str]) -> str:
                kinds, slot, form, how = match[1], match[2], match[3] or "", match[4]
                if kinds == "part":
                    part = parts[slot[1:]]
                    data = _wrapped(fill(part["body"]), part.get("wrap", ()))
                    inner = data.decode("utf-8")
                    in_json = (
                        not inside and text.lstrip()[:1] in ("{", "[") and text[match.start() - 1] == '"'
                    )
                    return json.dumps(inner, ensure_ascii=False)[1:-1] if in_json else inner
                first = kinds.split("+")[0]
                value = self._value(kinds + slot if first == "noise" else first + slot, form)
                written = value
                steps = [step for step in how.split("|") if step]
                for step in steps:
                    written = _HOW[step](written)
                if first not in ("noise", "agent"):
                    labels.append(Label(host, tuple(kinds.split("+")), value, written))
                return quote(written, safe="") if quoted else written

            return _MARK.sub(put, text)

        for mark in entry.get("extra", ()):
            kind = mark.split(".")[0]
            labels.append(Label(host, (kind,), self._value(mark, ""), ""))
        form = "urlencoded" in str(entry.get("headers", {}))
        plain_form = form and not entry.get("body", "").lstrip().startswith(("{", "["))
        return Request(
            self.client,
            entry["sdk"],
            method,
            fill(url, quoted=True),
            tuple((name, fill(value)) for name, value in entry.get("headers", {}).items()),
            _wrapped(
                fill(entry.get("body", ""), quoted=plain_form, inside=plain_form), entry.get("wrap", ())
            ),
            tuple(dict.fromkeys(labels)),
            self._traits,
        )

    def _value(self, mark: str, form: str) -> str:
        known = self._values.get(mark)
        if known is None:
            if not form:
                raise ValueError(f"{self._name}: {mark} has neither value nor form")
            known = self._values[mark] = _FORMS[form](random.Random(f"{self._name} {mark}"))
        return known


def _wrapped(text: str, steps: list[str] | tuple[str, ...]) -> bytes:
    data: Any = text.encode()
    for step in steps:
        data = _WRAPS[step](data)
    return bytes(data)


# -- forms of values, and ways to write them -----------------------------------------------------------------


def _some(alphabet: str, size: int) -> Callable[[random.Random], str]:
    return lambda draw: "".join(draw.choice(alphabet) for _ in range(size))


def _integer(size: int) -> Callable[[random.Random], str]:
    return lambda draw: str(draw.randrange(10 ** (size - 1), 10**size))


def _uuid(draw: random.Random) -> str:
    digits = _some(_HEX, 32)(draw)
    return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))


def _mac(draw: random.Random) -> str:
    return "9c:c9:eb:" + ":".join(_some(_HEX, 2)(draw) for _ in range(3))


_FORMS: Final[dict[str, Callable[[random.Random], str]]] = {
    **{f"hex{size}": _some(_HEX, size) for size in (16, 32, 36, 40, 64)},
    **{f"int{size}": _integer(size) for size in (11, 13, 15, 18)},
    "uuid": _uuid,
    "fid": lambda draw: draw.choice("cdef") + _some(_WORD, 21)(draw),
    "fcm": lambda draw: "c" + _some(_WORD, 21)(draw) + ":APA91b" + _some(_WORD, 134)(draw),
    "token": _some(_WORD[:62], 43),
    "utdid": lambda draw: base64.b64encode(draw.randbytes(18)).decode(),
    "udid": lambda draw: "00008101-" + _some(_HEX[:16], 16)(draw).upper(),
    "mac": _mac,
    "lan": lambda draw: f"192.168.1.{draw.randrange(20, 200)}",
    "word": lambda draw: "Haus" + _some("abcdefgh", 4)(draw),
}


def _hashed(name: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(name, text.encode()).hexdigest()


_HOW: Final[dict[str, Callable[[str], str]]] = {
    **{name: _hashed(name) for name in ("md5", "sha1", "sha256")},
    "upper": str.upper,
    "lower": str.lower,
    "bare": lambda text: re.sub(r"[^0-9A-Za-z]", "", text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "reverse": lambda text: text[::-1],
    "decimal": lambda text: str(int(text, 16)),
    "first14": lambda text: text[:14],
    "plain11": lambda text: text[-11:],
    "digits": lambda text: re.sub(r"\D", "", text),
}


# -- wrapping -------------------------------------------------------------------------------------------------


def _protobuf(data: bytes) -> bytes:
    return _message(json.loads(data))


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))


def _message(fields: Mapping[str, Any]) -> bytes:
    out = b""
    for name, value in fields.items():
        number = int(name.rstrip("fdx"))
        for each in value if isinstance(value, list) else [value]:
            if name.endswith("f"):
                out += _varint(number << 3 | 1) + struct.pack("<Q", each)
            elif name.endswith("d"):
                out += _varint(number << 3 | 1) + struct.pack("<d", each)
            elif isinstance(each, int):
                out += _varint(number << 3) + _varint(each)
            else:
                inner = (
                    _message(each)
                    if isinstance(each, dict)
                    else bytes.fromhex(each)
                    if name.endswith("x")
                    else each.encode()
                )
                out += _varint(number << 3 | 2) + _varint(len(inner)) + inner
    return out


def _apple_location(data: bytes) -> bytes:
    words = b"".join(
        struct.pack(">H", len(word)) + word for word in (b"en_US", b"com.apple.locationd", b"15.0.2.19A404")
    )
    return b"\x00\x01" + words + struct.pack(">II", 1, len(data)) + data


def _multipart(data: bytes) -> bytes:
    boundary = "3i2ndDfv2rTHiSisAbouNdArYfORhtTPEefj3q2f"
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in json.loads(data).items()
    )
    return f"{parts}--{boundary}--\r\n".encode()


def _msgpack(data: bytes) -> bytes:
    import msgpack

    return bytes(msgpack.packb(json.loads(data)))


def _cbor(data: bytes) -> bytes:
    def head(kind: int, size: int) -> bytes:
        for code, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if size < 24:
                return bytes((kind << 5 | size,))
            if size < 1 << 8 * width:
                return bytes((kind << 5 | code,)) + size.to_bytes(width, "big")
        raise ValueError(size)

    def item(value: Any) -> bytes:
        if isinstance(value, dict):
            return head(5, len(value)) + b"".join(item(name) + item(each) for name, each in value.items())
        if isinstance(value, str):
            return head(3, len(value.encode())) + value.encode()
        return b"\xfb" + struct.pack(">d", value) if isinstance(value, float) else head(0, value)

    return item(json.loads(data))


def _brotli(data: bytes) -> bytes:
    import brotli

    return bytes(brotli.compress(data))


_WRAPS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "lines": lambda data: data,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": zlib.compress,
    "brotli": _brotli,
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base64lines": base64.encodebytes,
    "hex": lambda data: data.hex().encode(),
    "query": lambda data: quote(data, safe="").encode(),
    "protobuf": _protobuf,
    "msgpack": _msgpack,
    "cbor": _cbor,
    "apple-location": _apple_location,
    "multipart": _multipart,
}


# -- captures -------------------------------------------------------------------------------------------------


def write_flows(path: Path, sent: list[Request]) -> None:
    """The requests as a flow file, with mitmproxy's writer."""
    from mitmproxy import connection, http
    from mitmproxy.io import FlowWriter

    hosts: dict[str, str] = {}
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for number, each in enumerate(sent):
            url = urlsplit(each.url)
            host = url.hostname or ""
            address = hosts.setdefault(host, f"198.51.100.{len(hosts) + 1}")
            tls = url.scheme == "https"
            port = url.port or (443 if tls else 80)
            time = _START + 7 * number
            client = connection.Client(
                peername=(each.client, 40000 + number),
                sockname=("10.40.0.1", 8080),
                timestamp_start=time,
                id=f"c{number}",
            )
            server = connection.Server(address=(host, port), id=f"s{number}")
            server.peername = (address, port)
            if tls:
                client.tls = server.tls = True
                client.timestamp_tls_setup = server.timestamp_tls_setup = time
                client.sni = server.sni = host
            flow = http.HTTPFlow(client, server)
            flow.id = f"flow{number:05}"
            flow.timestamp_created = time
            flow.request = http.Request.make(each.method, each.url, each.body, _raw(each.headers))
            flow.request.timestamp_start = time
            flow.response = http.Response.make(200, b"{}", {"content-type": "application/json"})
            flow.response.timestamp_end = time + 0.2
            writer.add(flow)


def write_har(path: Path, sent: list[Request]) -> None:
    """The requests as a HAR file (version 1.2, W3C draft), of one device: the format names none."""
    entries = []
    for number, each in enumerate(sent):
        post: dict[str, str] = {"mimeType": dict(each.headers).get("Content-Type", "")}
        try:
            post["text"] = each.body.decode("utf-8")
        except UnicodeDecodeError:
            post |= {"text": base64.b64encode(each.body).decode(), "encoding": "base64"}
        request = {
            "method": each.method,
            "url": each.url,
            "httpVersion": "HTTP/1.1",
            "headers": [{"name": name, "value": value} for name, value in each.headers],
            "queryString": [],
            "cookies": [],
            "headersSize": -1,
            "bodySize": len(each.body),
        }
        if each.body:
            request["postData"] = post
        response = {
            "status": 200,
            "statusText": "OK",
            "httpVersion": "HTTP/1.1",
            "headers": [],
            "cookies": [],
            "redirectURL": "",
            "content": {"size": 2, "mimeType": "application/json", "text": "{}"},
            "headersSize": -1,
            "bodySize": 2,
        }
        entries.append(
            {
                "startedDateTime": f"2023-09-06T08:{number // 60 % 60:02}:{number % 60:02}.000Z",
                "time": 200,
                "request": request,
                "response": response,
                "cache": {},
                "timings": {"send": 0, "wait": 200, "receive": 0},
            }
        )
    log = {"version": "1.2", "creator": {"name": "labelled", "version": "1"}, "entries": entries}
    path.write_text(json.dumps({"log": log}, ensure_ascii=False), encoding="utf-8")


def _raw(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode(), value.encode()) for name, value in headers)
