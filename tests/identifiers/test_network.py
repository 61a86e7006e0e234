import pytest

from phonehome.analysis.identifiers.network import ip_address, ssid
from phonehome.analysis.transmission import Transmission
from tests.decoding.usual import decode
from tests.identifiers.build import Declared, brief, decoded, recognise


def address(number: int) -> str:
    return f"ac:37:43:11:22:{number:02x}"


def test_forty_access_points_are_one_finding() -> None:
    points = [{"bssid": address(n), "rssi": -40 - n} for n in range(40)]
    (found,) = recognise(decoded(*points, root=("body", "json", "wifi")))
    assert (found.kind, found.certainty) == ("access-points", "likely")
    assert found.value.split(",") == sorted(address(n) for n in range(40))
    assert "40 addresses" in found.reason
    assert "signal strength" in found.reason


def test_a_list_of_addresses_with_signal_is_no_list_of_own_ones() -> None:
    points = [{"mac": address(n), "level": -40 - n} for n in range(3)]
    assert [each[0] for each in brief(recognise(decoded(*points)))] == ["access-points"]


def test_a_long_list_without_signal_is_possible() -> None:
    (found,) = recognise(decoded({"mac": [address(n) for n in range(9)]}))
    assert (found.kind, found.certainty) == ("access-points", "possible")


def test_own_addresses_stay_own_addresses() -> None:
    found = recognise(decoded({"wifiMac": address(1), "btMac": address(2)}))
    assert brief(found) == [("mac", address(1), "likely"), ("mac", address(2), "likely")]


def test_one_access_point() -> None:
    assert brief(recognise(decoded({"bssid": address(1)}))) == [("access-points", address(1), "likely")]


def test_access_points_in_one_text() -> None:
    text = f"{address(1)},-60,|{address(2)},-71,|{address(3).upper()},-80,"
    (found,) = recognise(decoded({"macs": text}))
    assert (found.kind, found.certainty) == ("access-points", "likely")
    assert found.value == ",".join(address(n) for n in (1, 2, 3))


def test_addresses_under_names_that_say_nothing() -> None:
    (found,) = recognise(decoded({"1.6.3": [address(n) for n in range(20)]}))
    assert (found.kind, found.certainty) == ("access-points", "possible")
    assert brief(recognise(decoded({"7": address(1)}))) == [("mac", address(1), "possible")]


def test_declared_access_points() -> None:
    fields = (Declared(("body", "json", "*"), "access-points"),)
    (found,) = recognise(decoded({"3": [address(1), address(2)]}), fields)
    assert (found.kind, found.certainty) == ("access-points", "certain")


CELL = {"mcc": 242, "mnc": 1, "lac": 4123}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({**CELL, "cid": 27447297}, [("cell", "242-1-4123-27447297", "likely")]),
        ({**CELL, "cellId": "27447297"}, [("cell", "242-1-4123-27447297", "likely")]),
        ({"lac": 4123, "cid": 2744}, [("cell", "4123-2744", "possible")]),
        ({"cid": 27447297}, []),  # a campaign
        ({"mcc": 242, "mnc": 1, "cid": 27447297}, []),  # a campaign, in an advertisement's request
        ({"cellid": 27447297}, [("cell", "27447297", "possible")]),
        ({"mcc": 242, "cellid": 12}, [("cell", "242-12", "possible")]),  # a cell of a table
        ({**CELL, "cid": 0}, []),
        ({**CELL, "cid": 268435455}, []),  # "unavailable"
        ({**CELL, "cid": 2147483647}, []),
        ({"SID": 13824, "NID": 3, "BASEID": 12345}, [("cell", "12345", "likely")]),
        ({"cellid": 27447297, "imei": "356938035643809"},
         [("cell", "27447297", "likely"), ("imei", "356938035643809", "certain")]),
    ],
)  # fmt: skip
def test_cells(fields: dict[str, object], expected: list[tuple[str, str, str]]) -> None:
    assert sorted(brief(recognise(decoded(fields)))) == expected


def test_declared_cell_needs_no_company_and_has_a_range() -> None:
    fields = (Declared(("body", "json", "SIM1CELLID"), "cell"),)
    assert brief(recognise(decoded({"SIM1CELLID": "27447297"}), fields)) == [("cell", "27447297", "certain")]
    assert recognise(decoded({"SIM1CELLID": "-1"}), fields) == ()
    assert recognise(decoded({"SIM1CELLID": ""}), fields) == ()


def test_ssid() -> None:
    assert brief(recognise(decoded({"ssid": '"Kitchen 5G"'}))) == [("ssid", "Kitchen 5G", "likely")]
    assert ssid("<unknown ssid>") is None
    assert ssid("A1b2C3d4E5f6G7h8I") is None  # a session's token


def test_a_cookie_named_ssid_is_no_network() -> None:
    sent = Transmission(time=0.0, method="GET", path="/", headers=(("Cookie", "SSID=Kitchen; NID=1"),))
    assert recognise(decode(sent)) == ()


@pytest.mark.parametrize("text", ["10.0.0.1", "192.168.1.20", "93.184.216.34", "2001:db8::1"])
def test_addresses(text: str) -> None:
    assert ip_address(text) is not None


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "0.0.0.0", "::1", "224.0.0.251", "1.2.3.4.5", "78.63.471.1", "::::"]
)
def test_what_is_no_address_of_a_device(text: str) -> None:
    assert ip_address(text) is None


def test_a_version_is_no_address() -> None:
    assert recognise(decoded({"version": "78.63.47.114", "ip_version": "10.0.0.1"})) == ()
