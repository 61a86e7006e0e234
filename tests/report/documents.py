"""Documents for the tests of the page: of a sample, with hostile names, and a large one."""

import base64
import io
import json
from functools import cache
from pathlib import Path
from typing import cast

from phonehome.analysis import pipeline
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.examiner import Examiner
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.policy.judge import judge_policy
from phonehome.analysis.policy.rules import load
from phonehome.analysis.render import html, output
from phonehome.analysis.render.masked import masked, masking_of
from phonehome.analysis.report.document import File
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.model import Report
from phonehome.analysis.transmission import Reply, Transmission

SAMPLES = Path(__file__).parents[2] / "captures"

SCRIPT = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
RIGHT_TO_LEFT = "\u202egnp.evil\u202c"
LONG = "n" * 10_000
TEMPLATE = '{{ 7*7 }}{% raw %} #eval("1") $x$ *bold* [x] @label <label> \\u{41}'
HOSTILE = (SCRIPT, RIGHT_TO_LEFT, LONG, TEMPLATE, "a\x00b\x1b[31mc", "'\"`</style></title>--><svg onload=1>")


@cache
def sample(name: str) -> str:
    """The document of a sample capture, as JSON: a test may change what it loads."""
    reading = pipeline.read_captures([str(SAMPLES / name)])
    document = output.make_document(reading, LocationDatabase.open(), DeviceNames())
    return json.dumps(masked(document, masking_of([document])))


def sample_document(name: str = "nokia-7-plus-affected.mitm") -> Document:
    return cast("Document", json.loads(sample(name)))


def judged_document(policy: str = "hmd-2019") -> Document:
    """The affected sample, held against a policy."""
    document = sample_document()
    document["verdict"] = judge_policy(document, load(policy))
    return document


def page_of(document: Document) -> str:
    out = io.StringIO()
    html.write(document, out)
    return out.getvalue()


def made(transmissions: list[tuple[Transmission, int]], path: str = "made.mitm") -> Document:
    """The document of transmissions, each so many times."""
    report, examiner = Report(), Examiner()
    for sent, times in transmissions:
        evidence = examiner.examine(sent)
        for _ in range(times):
            report.add(path, evidence)
    reading = pipeline.Reading(report, [File(path, "0" * 64, 1000)])
    return output.make_document(reading, LocationDatabase.open(), DeviceNames())


def hostile_document() -> Document:
    """A capture in which a stranger chose every text."""
    transmissions = [
        (
            Transmission(
                time=1_548_140_400.0 + 600 * number,
                client="10.0.0.9",
                address=f"61.139.2.{number + 1}",
                address_source="connection",
                host=text,
                host_source="host",
                authority=text,
                port=80,
                method=text[:40],
                path=f"/{text}?imei=001012340000425&{text}=1",
                headers=(("User-Agent", f"Dalvik/2.1.0 (Linux; U; Android 9; {text} Build/{text})"),),
                payloads=(json.dumps({text: text, "imei": "001012340000425", "ssid": text}).encode(),),
                reply=Reply(200, "", b"", 0) if number % 2 else None,
            ),
            3,
        )
        for number, text in enumerate(HOSTILE)
    ]
    return made(transmissions, f"/tmp/{SCRIPT}{RIGHT_TO_LEFT}.mitm")


def large_document() -> Document:
    """6,000 transmissions to 2,000 hosts, each with identifiers."""
    body = base64.encodebytes(
        json.dumps(
            {"IMEI1": "001012340000425", "SIM1ICCID": "89860300000000000012", "androidId": "3a5e91c0b77d4e21"}
        ).encode()
    )
    return made(
        [
            (
                Transmission(
                    time=1_548_140_400.0 + 43 * number,
                    client="10.0.0.9",
                    address=f"{20 + number % 180}.{number % 251}.{number % 241}.7",
                    address_source="connection",
                    host=f"host-{number}.tracking.service-{number % 97}.example",
                    host_source="sni",
                    port=443,
                    method="POST",
                    encrypted=number % 3 > 0,
                    path=f"/v1/collect/{number}?session=abcdef&model=x",
                    payloads=(body,),
                    reply=Reply(200, "", b"{}", 2),
                    bytes_sent=700,
                ),
                3,
            )
            for number in range(2000)
        ]
    )
