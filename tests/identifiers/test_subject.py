"""Whose a value is."""

from typing import Any

import pytest

from phonehome.analysis.decoding.values import Value
from phonehome.analysis.identifiers.subject import Subjects
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
