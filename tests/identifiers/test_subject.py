"""Whose a value is."""

import json
from typing import Any

import pytest

from phonehome.analysis.decoding.values import Value
from phonehome.analysis.identifiers.subject import Subjects
from tests.decoding.usual import decode_bytes
from tests.identifiers.build import recognise
from tests.identifiers.test_corpus import Draw, as_json

IMEI = "356938035643809"


@pytest.mark.parametrize(
    ("path", "other"),
    [
        (("body", "json", "selectedStore", "location", "lat"), "selectedStore"),
        (("body", "json", "store", "device", "mac"), ""),
        (("body", "json", "device", "printer", "mac"), "printer"),
        (("body", "json", "companies", "phone"), "companies"),
        (("body", "json", "printer_mac"), "printer_mac"),
        (("body", "json", "baseStation", "cid"), ""),
        (("body", "json", "routermac"), ""),
        (("body", "json", "x509", "serialNumber"), "x509"),
        (("body", "json", "lat"), ""),
    ],
)
def test_the_nearest_name_says_whose_it_is(path: tuple[str, ...], other: str) -> None:
    assert Subjects().other(path) == other


@pytest.mark.parametrize(
    ("path", "unknown"),
    [
        (("body", "json", "balloon", "imei"), "balloon"),
        (("body", "gzip", "json", "data", "[0]", "balloons", "location", "lat"), "balloons"),
        (("body", "json", "device", "balloon", "imei"), "balloon"),
        (("body", "json", "balloon", "deviceInfo", "imei"), ""),
        (("body", "json", "balloonRequest", "lat"), ""),
        (("body", "json", "he", "imei"), ""),
        (("body", "json", "lat"), ""),
        (("query", "balloon", "lat"), ""),
    ],
)
def test_an_object_of_which_nothing_says_that_it_is_the_phones(path: tuple[str, ...], unknown: str) -> None:
    assert Subjects().unknown(path) == unknown


@pytest.mark.parametrize(
    ("body", "certainty"),
    [
        ({"balloon": {"imei": IMEI}}, "likely"),
        ({"balloon": {"mac": "ac:37:43:00:00:02"}}, "possible"),
        ({"balloon": {"mac": "ac:37:43:00:00:02", "osVersion": "14"}}, "likely"),
        ({"balloon": {"mac": "ac:37:43:00:00:02"}, "x": {"android_id": "d3a5b1c2e4f60718"}}, "likely"),
        ({"data": {"mac": "ac:37:43:00:00:02"}}, "likely"),
    ],
)
def test_what_is_of_a_phone_alone_speaks_for_the_rest(body: Any, certainty: str) -> None:
    assert recognise(decode_bytes(json.dumps(body).encode()))[0].certainty == certainty


def test_what_stands_beside_a_value() -> None:
    root = ("body", "json")
    values = [
        Value((*root, "type"), "type", "printer", 1),
        Value((*root, "net", "mac"), "mac", "ac:37:43:00:00:02", 2),
        Value((*root, "net", "rating"), "rating", 4, 2),
        Value((*root, "title"), "title", "x", 1),
        Value((*root, "net", "connectors", "a"), "a", "x", 3),
    ]
    signs = Subjects().signs(values, 1, values[1].path)
    assert signs == {"machine": "type", "place": "rating", "listing": "rating", "thing": "connectors"}


@pytest.mark.parametrize(
    ("fields", "certainty"),
    [
        ({"imei": IMEI}, "certain"),
        ({"imei": IMEI, "sku": "TA-1046", "nonce": "a1"}, "certain"),
        ({"imei": IMEI, "licensePlate": "EL 12345"}, "possible"),
        ({"petTracker": {"imei": IMEI}}, "possible"),
        ({"deviceType": "tracker", "info": {"imei": IMEI}}, "possible"),
        ({"deviceType": "phone", "info": {"imei": IMEI}}, "certain"),
        ({"trackerImei": IMEI}, "possible"),
        ({"vendor_imei": IMEI, "v": 2}, "possible"),
        ({"partner_imei": IMEI, "v": 2}, "likely"),
    ],
)
def test_a_number_with_a_check_digit_can_be_of_another_machine(
    fields: dict[str, Any], certainty: str
) -> None:
    (found,) = recognise(as_json(Draw(1), fields))
    assert (found.kind, found.certainty) == ("imei", certainty)


def test_several_positions_are_places_unless_they_are_a_way() -> None:
    places = [{"lat": 59.91273 + place / 100, "lng": 10.74609} for place in range(4)]
    found = recognise(as_json(Draw(1), {"points": places}))
    assert {each.certainty for each in found} == {"possible"}
    found = recognise(as_json(Draw(1), {"points": [{**place, "speed": 1.2} for place in places]}))
    assert {each.certainty for each in found} == {"likely"}


def test_what_a_server_sent_is_less_sure() -> None:
    from phonehome.analysis.identifiers import Recogniser

    decoded = as_json(Draw(1), {"imei": IMEI, "mac": "ac:37:43:00:00:02"})
    assert [each.certainty for each in Recogniser().recognise(decoded, received=True)] == [
        "likely",
        "possible",
    ]
