import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonehome.analysis.decoding import Decoded, Value
from phonehome.analysis.identifiers import RANK, kinds
from phonehome.analysis.knowledge.catalogue import Field
from phonehome.analysis.transmission import Transmission
from tests.decoding.usual import decode, decode_bytes
from tests.identifiers.build import Declared, brief, decoded, recognise
from tests.steps import steps

IMEI = "356938035643809"
UUID = "1209d0b9-b959-42e6-b921-aa5d9d08c1af"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # name and value both speak for it
        ({"imei": IMEI}, [("imei", IMEI, "certain")]),
        ({"SIM2LTEIMSI": "460030123456789"}, [("imsi", "460030123456789", "certain")]),
        ({"iccid": "8947990000000000048"}, [("iccid", "8947990000000000048", "certain")]),
        # a check digit that is not right must not hide a card
        ({"iccid": "89860318740123456789"}, [("iccid", "89860318740123456789", "likely")]),
        # nothing to check
        ({"gaid": UUID.upper()}, [("advertising-id", UUID, "likely")]),
        ({"android_id": "d3a5b1c2e4f60718"}, [("android-id", "d3a5b1c2e4f60718", "likely")]),
        # a name of several meanings: the value decides
        ({"deviceId": IMEI}, [("imei", IMEI, "likely")]),
        ({"deviceId": UUID}, [("installation-id", UUID, "likely")]),
        ({"imei": "3569380356438012"}, [("imeisv", "3569380356438012", "possible")]),
        ({"aid": "d3a5b1c2e4f60718"}, [("android-id", "d3a5b1c2e4f60718", "possible")]),
        ({"aid": UUID}, [("advertising-id", UUID, "possible")]),
        ({"sn": "R58M12ABCDE"}, [("serial", "R58M12ABCDE", "possible")]),
        # forms that makers and programs have of their own, under names that mean nothing else
        ({"oaid": "c40e71b95a2d8f36"}, [("advertising-id", "c40e71b95a2d8f36", "likely")]),
        ({"adid": "c40e71b95a2d8f36"}, []),
        ({"utdid": "Y2p0K3lhd0FBVTBEQUx5Wk5x"}, [("installation-id", "Y2p0K3lhd0FBVTBEQUx5Wk5x", "likely")]),
        ({"installationId": "2024-03-09 16:00"}, []),
        ({"kochava_device_id": UUID}, [("installation-id", UUID, "likely")]),
        ({"appleIdfv": UUID}, [("vendor-id", UUID, "likely")]),
        ({"printer_device_id": UUID}, [("installation-id", UUID, "possible")]),
        ({"udid": "00008110-001C4D8E2E91801E"}, [("installation-id", "00008110-001C4D8E2E91801E", "likely")]),
        ({"x": "00008110-001C4D8E2E91801E"}, [("installation-id", "00008110-001C4D8E2E91801E", "possible")]),
        # as they are written in China
        ({"phone": "13871920463"}, [("phone-number", "13871920463", "likely")]),
        ({"phone": "11871920463"}, []),
        ({"oaid": "c40e71b95a2d8f36", "aaid": UUID}, [
            ("advertising-id", "c40e71b95a2d8f36", "likely"), ("installation-id", UUID, "likely")
        ]),
        ({"imei": IMEI, "aaid": UUID}, [("imei", IMEI, "certain"), ("advertising-id", UUID, "likely")]),
        # joined in one text
        ({"cl": "460|11|6218|118390275"}, [("cell", "460-11-6218-118390275", "likely")]),
        ({"cell": "460,00,9543,93728140,-87#460,0,1,2"}, [("cell", "460-00-9543-93728140", "likely")]),
        ({"cell": "999|11|6218|118390275"}, []),
        ({"cl": "24|12|2024|118390275"}, []),
        ({"wf": "a41a3a0d5b90;47;Home|d83214f17c22;71;|"},
         [("access-points", "a4:1a:3a:0d:5b:90,d8:32:14:f1:7c:22", "likely")]),
        # whether a name is the model's or was given by the owner
        ({"device_name": "Annas iPhone"}, [("device-name", "Annas iPhone", "likely")]),
        ({"device_name": "iPhone de Luc", "model": "iPhone14,5", "os_version": "17"},
         [("device-name", "iPhone de Luc", "likely"), ("model", "iPhone14,5", "likely")]),
        ({"device_name": "Pixel 7", "os_version": "14"}, [("model", "Pixel 7", "likely")]),
        # shape alone
        ({"x": IMEI}, [("imei", IMEI, "possible")]),
        ({"x": int(IMEI)}, [("imei", IMEI, "possible")]),
        ({"x": "8947990000000000048"}, [("iccid", "8947990000000000048", "possible")]),
        ({"x": "anna@example.org"}, [("email", "anna@example.org", "possible")]),
        ({"x": "AC:37:43:11:22:33"}, [("mac", "ac:37:43:11:22:33", "possible")]),
        ({"x": "356938035643801"}, []),  # no check digit
        ({"x": "776938035643809"}, []),  # no issuer
        ({"x": UUID}, []),
        ({"x": "d3a5b1c2e4f60718"}, []),
        ({"x": "460030123456789"}, []),
        ({"x": "ac3743112233"}, []),
        ({"x": "+4791234567"}, []),
        # bytes and numbers
        ({"mac": bytes.fromhex("ac3743112233")}, [("mac", "ac:37:43:11:22:33", "likely")]),
        ({"android_id": 0xD3A5B1C2E4F60718}, [("android-id", "d3a5b1c2e4f60718", "likely")]),
        ({"android_id": 0xD3A5B1C2E4F60718 - (1 << 64)}, [("android-id", "d3a5b1c2e4f60718", "likely")]),
        ({"imei": float(IMEI)}, [("imei", IMEI, "certain")]),
        ({"gaid": b"\x12" * 15 + b"\x34"}, [("advertising-id", "12121212-1212-1212-1212-121212121234", "likely")]),
    ],
)  # fmt: skip
def test_what_is_found_under_what(fields: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert brief(recognise(decoded(fields))) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"user": {"id": "c-7719043"}}, [("user-id", "c-7719043", "likely")]),
        ({"device": {"uuid": UUID}}, [("installation-id", UUID, "likely")]),
        ({"product": {"id": UUID}}, []),
        ({"driver": {"device": {"id": UUID}}}, [("installation-id", UUID, "likely")]),
        ({"author": {"id": "c-7719043"}}, []),
        ({"users": [{"id": "c-7719043"}, {"id": "c-7719044"}]}, []),
    ],
)
def test_names_that_say_something_with_the_one_above(body: Any, expected: list[tuple[str, str, str]]) -> None:
    assert brief(recognise(decode_bytes(json.dumps(body).encode()))) == expected


@pytest.mark.parametrize(
    "value",
    ["", "0", "unknown", "NULL", "000000000000000", "999999999999999", "00000000-0000-0000-0000-000000000000",
     "9774d56d682e549c", "02:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"],
)  # fmt: skip
@pytest.mark.parametrize(
    "name",
    [
        "imei",
        "deviceId",
        "mac",
        "bssid",
        "gaid",
        "android_id",
        "serialno",
        "ssid",
        "iccid",
        "email",
        "cellid",
    ],
)
def test_values_of_nobody(name: str, value: str) -> None:
    assert recognise(decoded({name: value})) == ()
    assert recognise(decoded({name: value}), (Declared(("body", "json", name), "imei"),)) == ()


def test_company_makes_a_vague_name_likely() -> None:
    found = recognise(decoded({"sn": "R58M12ABCDE", "imei": IMEI}))
    assert ("serial", "R58M12ABCDE", "likely") in brief(found)
    apart = recognise(decoded({"sn": "R58M12ABCDE"}, {"imei": IMEI}))
    assert ("serial", "R58M12ABCDE", "possible") in brief(apart)


def test_a_model_is_one_if_a_device_is_described() -> None:
    assert recognise(decoded({"model": "XC40", "brand": "Volvo"})) == ()
    assert brief(recognise(decoded({"model": "TA-1046", "os_version": "9"}))) == [
        ("model", "TA-1046", "likely")
    ]


def test_the_reason_names_what_it_rests_on() -> None:
    (found,) = recognise(decoded({"IMEI1": IMEI}))
    assert found.reason == "key IMEI1; 15 digits, check digit right, issuer 35"
    (found,) = recognise(decoded({"x": IMEI}))
    assert "does not say so" in found.reason


def test_the_name_above_a_value_that_is_called_value() -> None:
    sent = decode_bytes(json.dumps({"device": {"imei": {"value": IMEI}}}).encode())
    (found,) = recognise(sent)
    assert (found.kind, found.path[-2:]) == ("imei", ("imei", "value"))
    assert found.reason.startswith("key imei;")
    (found,) = recognise(decode_bytes(json.dumps({"imei": {"slot1": IMEI}}).encode()))
    assert (found.kind, found.certainty) == ("imei", "certain")


def test_a_number_with_hyphens_is_a_paper_s_not_a_device_s() -> None:
    assert recognise(decoded({"serialNumber": "INV-2023-001"})) == ()


def test_name_and_value_side_by_side() -> None:
    sent = decode_bytes(
        json.dumps({"p": [{"name": "imei", "value": IMEI}, {"name": "gaid", "value": UUID}]}).encode()
    )
    assert {(each.kind, each.certainty) for each in recognise(sent)} == {
        ("imei", "certain"),
        ("advertising-id", "likely"),
    }


def test_a_user_agent_tells_model_and_build() -> None:
    agent = "Dalvik/2.1.0 (Linux; U; Android 9; Nokia 7 plus Build/PPR1.180610.011)"
    assert brief(recognise(decoded({"user-agent": agent}))) == [
        ("model", "Nokia 7 plus", "likely"),
        ("build", "PPR1.180610.011", "likely"),
    ]


def test_a_model_ends_where_the_maker_names_its_own_system() -> None:
    agent = "Dalvik/2.1.0 (Linux; U; Android 9; MI 8 MIUI/V10.3.5.0.PEACNXM)"
    assert brief(recognise(decoded({"user-agent": agent}))) == [("model", "MI 8", "likely")]


def test_an_aaid_can_be_an_apps_own_id() -> None:
    """Google's advertising ID has that name, and so has the id that China's makers give each app (MSA)."""
    (found,) = recognise(decoded({"aaid": "85e4b899-6dfa-4a7f-accd-752fb5b65b38"}))
    assert (found.kind, found.certainty) == ("advertising-id", "possible")


@pytest.mark.parametrize(
    "agent",
    ["Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36", "okhttp/4.9.1", "Mozilla/5.0 (X11; Linux x86_64)",
     "Mozilla/5.0 (Android 13; Mobile; rv:109.0) Gecko/118.0", "Apache-HttpClient/UNAVAILABLE (java 1.4)"],
)  # fmt: skip
def test_a_user_agent_that_tells_nothing(agent: str) -> None:
    assert recognise(decoded({"user-agent": agent})) == ()


# --- declared fields

AT = ("body", "json", "3")


def test_a_declared_field_is_certain_whatever_its_name() -> None:
    (found,) = recognise(decoded({"3": "001012340000425"}), (Declared(AT, "imei", "CheckinRequest.imei"),))
    assert (found.kind, found.certainty) == ("imei", "certain")
    assert "CheckinRequest.imei" in found.reason


def test_a_declared_field_that_holds_something_else_is_judged_by_itself() -> None:
    assert recognise(decoded({"3": "hello"}), (Declared(AT, "imei"),)) == ()
    (found,) = recognise(decoded({"3": "anna@example.org"}), (Declared(AT, "imei"),))
    assert (found.kind, found.certainty) == ("email", "possible")


def test_a_declared_field_wins_over_what_the_name_says() -> None:
    fields = (Declared(("body", "json", "deviceId"), "android-id"),)
    assert brief(recognise(decoded({"deviceId": "d3a5b1c2e4f60718"}), fields)) == [
        ("android-id", "d3a5b1c2e4f60718", "certain")
    ]


def test_declared_paths_have_wildcards_and_look_through_compression() -> None:
    fields = (Field(("body", "json", "*", "id"), "imei", "said so"),)
    here = Decoded((Value(("body", "gzip", "json", "slots", "id"), "id", IMEI, 1),), ())
    assert brief(recognise(here, fields)) == [("imei", IMEI, "certain")]
    deeper = Decoded((Value(("body", "json", "a", "b", "id"), "id", IMEI, 1),), ())
    assert brief(recognise(deeper, fields)) == [("imei", IMEI, "possible")]


def test_declarations_are_not_mixed_up() -> None:
    for kind in ("imei", "serial") * 3:
        (found,) = recognise(decoded({"3": IMEI}), [Declared(AT, kind)])
        assert found.kind == kind


def test_a_declared_kind_that_is_not_known_is_left_out() -> None:
    assert recognise(decoded({"3": "x1"}), (Declared(AT, "shoe-size"),)) == ()


# --- the whole


def test_each_kind_value_and_path_once_in_the_order_of_the_values() -> None:
    sent = decoded({"imei": IMEI, "gaid": UUID}, {"imei": IMEI}, {"iccid": "8947990000000000048"})
    assert [each.kind for each in recognise(sent)] == ["imei", "advertising-id", "iccid"]


def test_the_same_value_at_two_places_is_two_findings() -> None:
    assert len(recognise(decoded({"imei": IMEI, "imei2": IMEI}))) == 2


def test_the_china_client_in_base64_with_line_breaks() -> None:
    import base64

    body = {"REGVER": "1.0", "IMEI1": IMEI, "MEID": "A0000000123456", "SIM1ICCID": "89860318740123456789",
            "SIM1LTEIMSI": "460030123456789", "MACID": "AC:37:43:11:22:33", "SIM1CELLID": "27447297"}  # fmt: skip
    sent = Transmission(
        time=0.0,
        method="POST",
        path="/",
        headers=(("Content-Type", "application/encrypted-json"),),
        payloads=(base64.encodebytes(json.dumps(body).encode()),),
    )
    declared = {
        "IMEI1": "imei",
        "MEID": "meid",
        "SIM1ICCID": "iccid",
        "SIM1LTEIMSI": "imsi",
        "MACID": "mac",
        "SIM1CELLID": "cell",
    }
    fields = tuple(Declared(("body", "base64", "json", name), kind) for name, kind in declared.items())
    found = recognise(decode(sent), fields)
    assert {each.kind: each.certainty for each in found} == dict.fromkeys(declared.values(), "certain")
    assert all(each.path[:3] == ("body", "base64", "json") for each in found)


NAMES = sorted({name for kind in kinds().values() for name in (*kind.exclusive, *kind.names, *kind.vague)} | {
    "lat", "lng", "location", "cid", "lac", "mcc", "mnc", "rssi", "packages", "wifi", "value", "user-agent", "x",
    "com.a.b",
})  # fmt: skip
DATA = st.one_of(
    st.text(max_size=300),
    st.from_regex(r"[0-9a-fA-F:.,@+ -]{0,40}", fullmatch=True),
    st.integers(-(1 << 70), 1 << 70),
    st.floats(),
    st.binary(max_size=40),
    st.sampled_from(
        [IMEI, UUID, "ac:37:43:11:22:33", "59.91273,10.74609", "a@b.org", "\x00" * 20, "9" * 5000, "٣" * 15]
    ),
)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=100), DATA, st.integers(0, 3)), max_size=30)
)
def test_nothing_makes_it_raise(items: list[tuple[str, Any, int]]) -> None:
    values = tuple(Value(("body", "json", key), key, data, group) for key, data, group in items)
    fields = tuple(Declared(value.path, kind) for value, kind in zip(values[:10], kinds(), strict=False))
    for declared in ((), fields):
        found = recognise(Decoded(values, ()), declared)
        assert found == recognise(Decoded(values, ()), declared)
        assert len({(each.kind, each.value, each.path) for each in found}) == len(found)
        assert all(
            each.certainty in RANK and each.kind in kinds() and each.value and each.reason for each in found
        )


def test_hostile_bodies_cost_no_time() -> None:
    for key, data in (
        ("mac", "ac:37:43:11:22:33"),
        ("packages", "com.a.b " * 50_000),
        ("wifi", "00:" * 200_000),
        ("lat", 1.12345),
        ("value", "x"),
        ("email", "a@" + "a." * 120),
    ):
        times = 1000 if len(str(data)) < 1000 else 1
        lists = (decoded({key: [data] * number}) for number in (times, 2 * times))
        half, whole = (steps(partial(recognise, each)) for each in lists)
        assert whole < 2.5 * half + 5000, key
