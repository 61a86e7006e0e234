"""Which clients are one phone: by the user's word, or by what only one phone has; never by an address."""

from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.identifiers.finding import Certainty, Finding
from phonehome.analysis.knowledge import shipped
from phonehome.analysis.report.model import Report
from phonehome.analysis.report.phones import Phone, phones
from phonehome.analysis.transmission import Transmission
from tests.examining import examine

IMEI = "356938035643809"
SERIAL = "B2NTX0042"


def report(
    *devices: tuple[str, str, dict[str, str]], agent: str = "", certainty: Certainty = "certain"
) -> Report:
    """Of one transmission for each: capture, client, and what it sent."""
    result = Report()
    for capture, client, identifiers in devices:
        sent = Transmission(
            time=1.0,
            client=client,
            host="a.example",
            address="192.0.2.1",
            headers=(("user-agent", identifiers.get("agent", agent)),),
        )
        findings = tuple(
            Finding(kind, value, certainty, "test", ("body", kind))
            for kind, value in identifiers.items()
            if kind != "agent"
        )
        result.add(capture, examine(sent)._replace(findings=findings))
    return result


def found(of: Report, *names: str) -> list[Phone]:
    return phones(of, DeviceNames.parse(names), shipped().catalogue.kinds)


def test_the_same_address_in_two_captures_is_two_devices() -> None:
    for client in ("10.0.0.1", "10.42.0.23"):
        assert len(found(report(("a.mitm", client, {}), ("b.mitm", client, {})))) == 2


def test_what_only_one_phone_has_joins() -> None:
    for kind, value in (("imei", IMEI), ("serial", SERIAL), ("mac", "ac:37:43:11:22:33")):
        (phone,) = found(report(("a.mitm", "10.0.0.1", {kind: value}), ("b.mitm", "10.0.0.7", {kind: value})))
        assert phone.device.addresses == {"10.0.0.1", "10.0.0.7"}
        assert f"the same {shipped().catalogue.kinds[kind].label}" in phone.joined_by
        assert not phone.doubts


def test_what_others_may_have_as_well_does_not() -> None:
    for kind, value in (
        ("model", "Nokia 7 plus"),
        ("ssid", "home"),
        ("mac", "02:37:43:11:22:33"),
        ("android-id", "3a5e"),
    ):
        assert (
            len(found(report(("a.mitm", "10.0.0.1", {kind: value}), ("b.mitm", "10.0.0.1", {kind: value}))))
            == 2
        )


def test_what_is_not_certain_does_not() -> None:
    one, other = ("a.mitm", "10.0.0.1", {"imei": IMEI}), ("b.mitm", "10.0.0.1", {"imei": IMEI})
    assert len(found(report(one, other, certainty="likely"))) == 2


def test_a_chain_of_them_is_one_phone() -> None:
    (phone,) = found(
        report(
            ("a.mitm", "10.0.0.1", {"imei": IMEI}),
            ("b.mitm", "10.0.0.1", {"serial": SERIAL}),
            ("c.mitm", "10.0.0.1", {"imei": IMEI, "serial": SERIAL}),
        )
    )
    assert [key.capture for key in phone.keys] == ["a.mitm", "b.mitm", "c.mitm"]


def test_a_contradiction_keeps_apart() -> None:
    for contradiction in (
        ({"model": "Nokia 7 plus"}, {"model": "Pixel 3"}),
        ({"agent": "Dalvik/2.1.0 (Linux; U; Android 9; x)"}, {"agent": "x iOS/12.1.4 y"}),
    ):
        one, other = contradiction
        devices = (
            ("a.mitm", "10.0.0.1", {"imei": IMEI, **one}),
            ("b.mitm", "10.0.0.2", {"imei": IMEI, **other}),
        )
        assert len(found(report(*devices))) == 2


def test_the_user_s_word_joins_and_what_contradicts_it_is_said() -> None:
    devices = report(
        ("/tmp/a.mitm", "10.0.0.1", {"model": "Nokia 7 plus"}),
        ("/tmp/b.mitm", "10.0.0.2", {"model": "Pixel 3"}),
        ("/tmp/c.mitm", "10.0.0.2", {}),
    )
    names = ("Anna=a.mitm:10.0.0.1", "Anna=b.mitm:10.0.0.2")
    anna, other = found(devices, *names)
    assert (anna.name, other.name) == ("Anna", None)
    assert "--device" in anna.joined_by
    assert "contradicts" in anna.doubts[0]


def test_a_star_stands_for_all_files_and_a_bare_address_only_names() -> None:
    devices = report(("a.mitm", "10.0.0.1", {}), ("b.mitm", "10.0.0.1", {}))
    assert [phone.name for phone in found(devices, "Anna=*:10.0.0.1")] == ["Anna"]
    assert [phone.name for phone in found(devices, "Anna=10.0.0.1")] == ["Anna", "Anna"]


def test_a_file_stands_for_the_devices_in_it() -> None:
    devices = report(("a.har", "127.0.0.1", {}), ("b.har", "127.0.0.1", {}))
    assert [phone.name for phone in found(devices, "Anna=a.har")] == ["Anna", None]


def test_an_address_that_changed_hands_is_said() -> None:
    devices = report(
        ("a.mitm", "10.0.0.1", {"agent": "Dalvik/2.1.0 (Linux; U; Android 9; x)"}),
        ("a.mitm", "10.0.0.1", {"agent": "x iOS/12.1.4 y"}),
    )
    (phone,) = found(devices)
    assert "changed hands" in phone.doubts[0]


def test_what_fits_nothing_is_known() -> None:
    names = DeviceNames.parse(["Anna=a.mitm:10.0.0.1", "Ben=10.0.0.9"])
    phones(report(("a.mitm", "10.0.0.1", {})), names, shipped().catalogue.kinds)
    assert names.unused() == ["Ben=10.0.0.9"]
