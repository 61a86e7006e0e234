"""What is certain of a phone is found in the rest of what it sent, and nothing else is."""

import hashlib
import json
from base64 import b64encode
from typing import Any

import pytest

from phonehome.analysis.examiner import Examiner
from phonehome.analysis.identifiers import kinds
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.report.again import Again
from phonehome.analysis.report.model import AtAddress, Device, Report
from phonehome.analysis.transmission import Reply, Transmission

IMEI = "352099001761481"
MAC = "94:45:60:1c:7e:d3"
IDFV = "4E1D9A70-63CB-4F82-A5B9-08D2C7F3146E"
CHECK_IN = {"imei": IMEI}
PHONE, OTHER = "10.0.0.2", "10.0.0.3"
_EXAMINER = Examiner()


def sent(host: str, body: Any, client: str = PHONE, **more: Any) -> Transmission:
    return Transmission(
        time=1_700_000_000.0,
        client=client,
        address="192.0.2.1",
        host=host,
        host_source="sni",
        encrypted=True,
        method="POST",
        path="/",
        headers=(("Content-Type", "application/json"),),
        payloads=(json.dumps(body).encode(),),
        reply=Reply(200, "", None, 0),
        **more,
    )


def report(*all_sent: Transmission) -> Report:
    result = Report()
    for one in all_sent:
        result.add("a.mitm", _EXAMINER.examine(one))
    return result


def at(result: Report, host: str, client: str = PHONE) -> AtAddress:
    """What the report has of one destination, with what is found again."""
    device: Device = next(device for key, device in result.devices.items() if key.id == client)
    copy = AtAddress()
    for destination, addresses in device.destinations.items():
        if destination.host == host:
            for seen in addresses.values():
                copy.merge(seen)
    Again(device, kinds()).add_to(copy, host)
    return copy


def again(body: Any, certain: Any = CHECK_IN) -> list[Finding]:
    return list(at(report(sent("a.example", certain), sent("b.example", body)), "b.example").identifiers)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (IMEI, "the value that is certain as IMEI at a.example"),
        (IMEI[::-1], "the value that is certain as IMEI at a.example, read backwards"),
        (IMEI[:14], "the value that is certain as IMEI at a.example, without its last digit"),
        (f"x{IMEI}|7", "the value that is certain as IMEI at a.example"),
        (hashlib.md5(IMEI.encode()).hexdigest(), "MD5 of the value that is certain as IMEI at a.example"),
        (
            hashlib.sha1(IMEI.encode()).hexdigest().upper(),
            "SHA-1 of the value that is certain as IMEI at a.example",
        ),
        (
            b64encode(hashlib.sha256(IMEI.encode()).digest()).decode(),
            "base64 SHA-256 of the value that is certain as IMEI at a.example",
        ),
    ],
)
def test_is_found_in_any_form(written: str, said: str) -> None:
    assert [(each.kind, each.value, each.certainty, each.reason) for each in again({"q": written})] == [
        ("imei", IMEI, "certain", said)
    ]


def test_a_weaker_word_for_the_same_value_is_taken_out() -> None:
    result = report(
        sent("a.example", {"idfv": IDFV}),
        sent("c.example", {"idfv": IDFV}),
        sent("b.example", {"device_id": IDFV}),
    )
    before = [
        (each.kind, each.certainty)
        for each in at(report(sent("b.example", {"device_id": IDFV})), "b.example").identifiers
    ]
    assert before == [("installation-id", "likely")]
    assert [(each.kind, each.certainty) for each in at(result, "b.example").identifiers] == [
        ("vendor-id", "likely")
    ]


def test_what_is_an_access_point_somewhere_is_not_searched_as_the_phones_own() -> None:
    station = "f8:1a:67:c3:09:5e"
    own = sent("a.example", {"wifi_mac": station}), sent("c.example", {"wifi_mac": station})
    nearby = sent("b.example", {"BSSID": station})
    assert [
        each.kind for each in at(report(*own, sent("b.example", {"q": station})), "b.example").identifiers
    ] == ["mac"]
    assert [each.kind for each in at(report(*own, nearby), "b.example").identifiers] == ["access-points"]


def test_what_is_likely_at_one_host_must_be_long_or_hashed() -> None:
    assert [(each.kind, each.certainty) for each in again({"q": IDFV}, {"idfv": IDFV})] == [
        ("vendor-id", "likely")
    ]
    assert again({"q": "12025550143"}, {"msisdn": "+12025550143"}) == []
    hashed = hashlib.sha256(b"+12025550143").hexdigest()
    assert [each.reason for each in again({"q": hashed}, {"msisdn": "+12025550143"})] == [
        "SHA-256 of the value that is likely as phone number at a.example"
    ]


@pytest.mark.parametrize(
    "certain",
    [
        {"imei": "unknown"},
        {"serial": "12345"},
        {"msisdn": "+4790000"},
        {"email": "a@b.no"},
        {"model": "SM-G960F/DS-X"},
    ],
)
def test_short_and_common_values_are_not_searched(certain: dict[str, str]) -> None:
    (value,) = certain.values()
    result = report(sent("a.example", certain), sent("c.example", certain), sent("b.example", {"q": value}))
    assert [each for each in at(result, "b.example").identifiers if " as " in each.reason] == []


def test_what_another_phone_sent_says_nothing() -> None:
    result = report(
        sent("a.example", CHECK_IN, OTHER), sent("b.example", {"q": hashlib.md5(IMEI.encode()).hexdigest()})
    )
    assert not at(result, "b.example").identifiers


def test_counts_the_transmissions_that_held_it_and_changes_no_total_of_the_report() -> None:
    result = report(
        sent("a.example", CHECK_IN),
        sent("b.example", {"q": [IMEI, f"{IMEI}x"]}),
        sent("b.example", {"q": [IMEI]}),
        sent("b.example", {"q": "nothing of it"}),
    )
    for _ in range(2):  # a live report is made of the same totals again and again
        seen = at(result, "b.example")
        ((finding, count),) = seen.identifiers.items()
        assert (finding.kind, finding.path) == ("imei", ("body", "json", "q"))
        assert count.transmissions in (2, 3)
        assert count.delivered <= count.transmissions <= seen.transmissions
        assert seen.identifiers_found - count.transmissions == 0
