"""Who uses the device, and the other kinds that its software gave it: what each is known by, and what it is not."""

import json
from typing import Any

import pytest

from phonehome.analysis.identifiers import kinds
from phonehome.analysis.transmission import Transmission
from tests.decoding.usual import decode, decode_bytes
from tests.identifiers.build import recognise

FCM = "fGx2kq0hTzq-9bq1Wc7VdA:APA91b" + "HxT3kP0aZq" * 13


def found(fields: Any) -> list[tuple[str, str, str]]:
    decoded = decode_bytes(json.dumps(fields).encode(), "application/json")
    return [(each.kind, each.value, each.certainty) for each in recognise(decoded)]


@pytest.mark.parametrize(
    ("fields", "kind", "certainty"),
    [
        ({"user_id": "48291734"}, "user-id", "likely"),
        ({"visitorId": "b1946ac92492d234"}, "user-id", "likely"),
        ({"sub": "1089234712893471"}, "user-id", "possible"),
        ({"sub": "1089234712893471", "android_id": "3a5e00530c0f4e21"}, "user-id", "possible"),
        ({"firstName": "Kari"}, "person-name", "likely"),
        ({"user": {"full_name": "Kari Nordmann-Bø"}}, "person-name", "likely"),
        ({"dob": "1984-05-06"}, "birth-date", "likely"),
        ({"birthday": "06.05.1984"}, "birth-date", "likely"),
        ({"dateOfBirth": "05/26/1984"}, "birth-date", "likely"),
        ({"yob": 1984}, "birth-date", "possible"),
        ({"push_token": FCM}, "push-token", "likely"),
        ({"token": FCM}, "push-token", "likely"),
        ({"apnsToken": "c3bd7ae19f5048d2" * 4}, "push-token", "likely"),
        ({"eid": "89049032004008882600003456789076"}, "eid", "certain"),
        ({"mediaDrmId": "c3bd7ae19f5048d2" * 4}, "drm-id", "likely"),
        ({"bluetooth_name": "Karis Nokia"}, "device-name", "likely"),
    ],
)
def test_what_each_is_known_by(fields: Any, kind: str, certainty: str) -> None:
    assert (kind, certainty) in [(each, sure) for each, _, sure in found(fields)]


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": 12},
        {"user_id": "guest"},
        {"userId": "null"},
        {"first_name": "true"},
        {"firstName": "{first}"},
        {"fullName": "a4 b7 c9"},
        {"dob": "2084-05-06"},
        {"dob": "1984-15-36"},
        {"birthday": 1700000000000},
        {"token": "c3bd7ae19f5048d2" * 4},
        {"eid": "89049032004008882600003456789015"},
        {"eid": "checkout-17"},
        {"bluetooth_name": "null"},
        {"author": {"firstName": "Kari", "lastName": "Nordmann"}},
    ],
)
def test_what_is_none(fields: Any) -> None:
    assert [each for each in found(fields) if each[2] != "possible"] == []


def test_an_address_book_is_one_finding() -> None:
    people = [{"name": f"P{n}", "phone": f"+479123456{n}", "email": f"p{n}@example.org"} for n in range(5)]
    (one,) = found({"contacts": people})
    assert one[0] == "contacts"
    assert one[2] == "likely"
    assert one[1].count(",") == 9
    assert [kind for kind, _, _ in found({"phoneBook": ["+4791234561", "+4791234562", "+4791234563"]})] == [
        "contacts"
    ]
    assert [kind for kind, _, _ in found({"contacts": [{"email": "me@example.org"}]})] == ["email"]


def test_a_cookie_counts_as_a_cookie_only() -> None:
    line = "fr=0aXbYc12dEf34; datr=Zk1abcDEF23; MUID=1F2E3D4C5B6A79880A1B2C3D4E5F6071; lang=en; sid=12"
    decoded = decode(Transmission(time=0.0, method="GET", path="/", headers=(("Cookie", line),)))
    assert [(each.kind, each.path[-1]) for each in recognise(decoded)] == [
        ("cookie", "fr"),
        ("cookie", "datr"),
        ("cookie", "MUID"),
    ]
    assert found({"fr": "0aXbYc12dEf34", "datr": "Zk1abcDEF23"}) == []


PROPERTIES = {
    "locale": "nb_NO",
    "timezone": "Europe/Oslo",
    "screenWidth": 1080,
    "screen_height": 2160,
    "battery_level": 0.61,
    "totalMemory": 3_900_000,
    "bootTime": 1_700_000_000,
    "isRooted": "0",
    "fonts": "Roboto",
    "diskFree": 17,
}


def test_properties_that_tell_devices_apart_are_counted() -> None:
    (one,) = found({"device": PROPERTIES, "app_version": "1.2"})
    assert one == (
        "device-fingerprint",
        "battery, boot time, fonts, locale, memory, rooted, screen, storage, time zone",
        "likely",
    )


def test_a_few_of_them_are_none() -> None:
    few = {
        name: PROPERTIES[name]
        for name in ("locale", "timezone", "screenWidth", "screen_height", "battery_level")
    }
    assert found(few) == []
    assert [kind for kind, _, _ in found({**few, "model": "Nokia 7 plus", "os_version": "13"})] == ["model"]


def test_no_value_of_a_fingerprint_is_in_it() -> None:
    assert kinds()["device-fingerprint"].mask == "none"
    ((_, value, _),) = found(PROPERTIES)
    assert not any(character.isdecimal() for character in value)
