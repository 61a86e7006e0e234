"""Nothing unmasked in any output: each kind of identifier in each place where one can stand, through every way out.

The value stands in that place only, so that nothing but the place itself gives it away; and once more, where a body
elsewhere shows what it is.
"""

import io
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest
from mitmproxy import http

from captures.flows import Phone, Recorder, Reply
from phonehome.addons.activation_log import event
from phonehome.addons.live.lines import Lines
from phonehome.addons.live.view import view
from phonehome.analysis.compare.changes import compare
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.examiner import Examiner
from phonehome.analysis.identifiers.mask import Masks
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.policy.judge import Said, judge_policy
from phonehome.analysis.policy.rules import load
from phonehome.analysis.render import build_server, side_by_side, transmissions
from phonehome.analysis.render.masked import masked, masking_of
from phonehome.analysis.render.output import make_document, rendered
from phonehome.analysis.render.tables import TransmissionRows, rows
from phonehome.analysis.report.located import Session
from phonehome.analysis.report.model import DeviceKey
from phonehome.analysis.report.saved import joined
from phonehome.analysis.report.shown import PLAIN
from phonehome.analysis.sources.mitm import read

KINDS = {
    "imei": "352099001761481",
    "iccid": "89470800123456789034",
    "mac": "ac:37:43:a1:b2:c3",
    "advertising_id": "6f1d0c52-8a37-4b0e-9d7f-52a1c3e80b41",
    "email": "someone.private@example.org",
}
ADDRESS = "61.139.2.69"
START = 1_549_008_000.0

Place = Callable[[http.HTTPFlow, str, str], None]


def _body(flow: http.HTTPFlow, body: object) -> None:
    flow.request.content = json.dumps(body).encode()
    flow.request.headers["Content-Type"] = "application/json"


def _host(flow: http.HTTPFlow, host: str) -> None:
    flow.request.headers["Host"] = host
    flow.client_conn.sni = None


def _label(value: str) -> str:
    return value.replace(":", "-").replace("@", ".at.")


def _set(name: str) -> Place:
    def place(flow: http.HTTPFlow, kind: str, value: str) -> None:
        setattr(flow.request, name, value)

    return place


def _authority(flow: http.HTTPFlow, kind: str, value: str) -> None:
    flow.client_conn.sni = "up.example.cn"
    flow.request.headers["Host"] = f"{_label(value)}.example.cn"


PLACES: dict[str, Place] = {
    "json": lambda flow, kind, value: _body(flow, {kind: value}),
    "json under another name": lambda flow, kind, value: _body(flow, {"q": value}),
    "json key": lambda flow, kind, value: _body(flow, {value: 1}),
    "json key with company": lambda flow, kind, value: _body(flow, {value: {kind: value}}),
    "json text": lambda flow, kind, value: _body(flow, {"log": f"it is {value}, is it not"}),
    "json list": lambda flow, kind, value: _body(flow, {kind: [value, value]}),
    "query": lambda flow, kind, value: _set("path")(flow, kind, f"/a?{kind}={value}"),
    "query name": lambda flow, kind, value: _set("path")(flow, kind, f"/a?{value}=1"),
    "path": lambda flow, kind, value: _set("path")(flow, kind, f"/a/{value}/b"),
    "path under its name": lambda flow, kind, value: _set("path")(flow, kind, f"/{kind}/{value}"),
    "fragment": lambda flow, kind, value: _set("path")(flow, kind, f"/a#{kind}={value}"),
    "method": lambda flow, kind, value: _set("method")(flow, kind, value),
    "header": lambda flow, kind, value: flow.request.headers.__setitem__(f"X-{kind}", value),
    "header name": lambda flow, kind, value: flow.request.headers.__setitem__(
        f"X-{value.replace(':', '-').replace('@', '-')}", "1"
    ),
    "cookie": lambda flow, kind, value: flow.request.headers.__setitem__("Cookie", f"{kind}={value}"),
    "user agent": lambda flow, kind, value: flow.request.headers.__setitem__(
        "User-Agent", f"App/1 ({value})"
    ),
    "build": lambda flow, kind, value: flow.request.headers.__setitem__(
        "User-Agent", f"Dalvik/2.1.0 (Linux; U; Android 9; TA-1046 Build/{value})"
    ),
    "model": lambda flow, kind, value: flow.request.headers.__setitem__(
        "User-Agent", f"Dalvik/2.1.0 (Linux; U; Android 9; {value} Build/PPR1.180610.011)"
    ),
    "model field": lambda flow, kind, value: _body(flow, {"model": value, "deviceModel": value}),
    "referer": lambda flow, kind, value: flow.request.headers.__setitem__(
        "Referer", f"https://a.example/{value}"
    ),
    "basic": lambda flow, kind, value: flow.request.headers.__setitem__("Authorization", f"Bearer {value}"),
    "host": lambda flow, kind, value: _host(flow, f"{_label(value)}.up.example.cn"),
    "sni": lambda flow, kind, value: setattr(flow.client_conn, "sni", f"{_label(value)}.up.example.cn"),
    "authority": _authority,
    "flow id": lambda flow, kind, value: setattr(flow, "id", value),
    "form": lambda flow, kind, value: setattr(flow.request, "content", f"{kind}={value}".encode()),
    "error": lambda flow, kind, value: None,  # made below
    "file name": lambda flow, kind, value: None,
    "looked up": lambda flow, kind, value: None,
}


def capture(kind: str, value: str, place: str, folder: Path, known: bool) -> Path:
    recorder = Recorder(3, {"up.example.cn": ADDRESS})
    phone = Phone("10.42.0.23")
    flow = recorder.http_flow(
        phone,
        START,
        "http://up.example.cn/a",
        method="POST",
        headers=[("Content-Type", "text/plain")],
        reply=None if place == "error" else Reply(),
        error=f"server {value} closed the connection" if place == "error" else None,
    )
    PLACES[place](flow, kind, value)
    if place == "looked up":
        recorder.dns_flow(phone, START + 5, f"{_label(value)}.example.cn", ADDRESS)
    if known:
        again = recorder.http_flow(phone, START + 9, "http://up.example.cn/b", method="POST")
        _body(again, {kind: value})
    # An activation, so that the log has something to say.
    more = recorder.http_flow(phone, START + 20, "http://zzhc.vnet.cn/", method="POST")
    more.request.headers["User-Agent"] = flow.request.headers.get("User-Agent", "x")
    more.request.path = flow.request.path
    name = value if place == "file name" else "a"
    path = folder / f"{name}.mitm"
    recorder.write(path)
    return path


def outputs(path: Path) -> dict[str, str]:
    """Everything that is shown of a capture when nobody asks for identifiers."""
    database, names = LocationDatabase.open(), DeviceNames()
    document = make_document(read_captures([str(path)]), database, names)
    masking = masking_of([document])
    document["verdict"] = judge_policy(document, load("eea"), shown=masking)
    given = Said(explain=True, baseline=document, today="2026-01-01")
    explained = judge_policy(document, load("eea"), shown=masking, said=given)
    shown = masked(document, masking, known_again=True)
    found = {name: rendered(shown, name).decode() for name in ("terminal", "json", "csv", "markdown", "html")}
    found["live page"] = json.dumps(view(shown))
    found["check"] = "".join(
        build_server.render([explained], shown, format_) for format_ in ("text", "json", "junit", "sarif")
    )
    plain = joined([document])
    plain["verdict"] = None
    saved = joined([{**shown, "verdict": None}])
    sides = ((plain, plain, masking), (saved, plain, masking_of([saved, plain])), (saved, saved, PLAIN))
    for name, both in zip(("", " with saved", " of saved"), (compare(*side) for side in sides), strict=True):
        found[f"compare{name}"] = "".join(
            side_by_side.render(both, kind) for kind in ("text", "json", "html")
        )

    examiner, masks, lines = Examiner(), Masks(), Lines(names, Session(database.locate))
    evidence = [examiner.examine(sent) for sent in read(path.read_bytes())]
    everything = [finding for one in evidence for finding in one.findings]
    out = io.StringIO()
    entries = [
        transmissions.entry(
            path.name, "phone", one, Session(database.locate).locate, catalogue(), masks, everything
        )
        for one in evidence
    ]
    transmissions.write(entries, out)
    found["inspect"] = out.getvalue() + json.dumps(entries)
    found["log"] = json.dumps(
        [
            event("activation-outcome", one, database.locate(one.transmission.address), masks)
            for one in evidence
        ]
    )
    made = rows(shown)
    devices = {DeviceKey(str(path), device["id"]): device["id"] for device in document["devices"]}
    of_each = TransmissionRows.of(
        document, made["destinations"], {str(path): document["captures"][0]["path"]}, devices, masking
    )
    found["tables"] = json.dumps([made, of_each(str(path), iter(evidence))])
    said = [lines.line(one, over=True) for one in evidence if one.transmission.origin == "device"]
    found["lines"] = "\n".join(line[0] for line in said if line)
    return found


def told_apart(kind: str, place: str, known: bool, found: dict[str, str]) -> dict[str, str]:
    """mitmproxy's ids of flows are random UUIDs: that one is a known advertising id tells only who saw that elsewhere,
    which the log, a line for each exchange, did not."""
    if (place, kind) != ("flow id", "advertising_id"):
        return found
    return {name: text for name, text in found.items() if name != "log"} if known else {}


def leaks(kind: str, place: str, folder: Path, known: bool) -> list[str]:
    value = KINDS[kind]
    spellings = {value, value.upper(), _label(value), _label(value).upper()}
    found = outputs(capture(kind, value, place, folder, known))
    found = told_apart(kind, place, known, found)
    return [name for name, text in found.items() if any(spelling in text for spelling in spellings)]


@pytest.mark.parametrize("known", [False, True], ids=["alone", "known"])
@pytest.mark.parametrize(("place", "kind"), [(place, kind) for place in PLACES for kind in KINDS])
def test_no_output_shows_it(place: str, kind: str, known: bool, tmp_path: Path) -> None:
    assert not leaks(kind, place, tmp_path, known)


def test_the_pdf_shows_none_of_them(tmp_path: Path) -> None:
    paths = []
    for number, (place, kind) in enumerate(itertools.product(PLACES, KINDS)):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(str(capture(kind, KINDS[kind], place, folder, True)))
    document = make_document(read_captures(paths), LocationDatabase.open(), DeviceNames())
    masking = masking_of([document])
    document["verdict"] = judge_policy(document, load("eea"), shown=masking)
    pages = pypdf.PdfReader(io.BytesIO(rendered(masked(document, masking), "pdf"))).pages
    # What is too long for a column is broken where nothing is seen.
    text = re.sub(r"[\s\u200b\u00ad]", "", "".join(page.extract_text() for page in pages))
    assert "example.cn" in text
    assert not [kind for kind, value in KINDS.items() if value in text or _label(value) in text]
