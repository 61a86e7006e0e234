"""A report is a sum: it does not matter how the transmissions were divided."""

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonehome.analysis.decoding.values import Opaque
from phonehome.analysis.examiner import Evidence, Examiner
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.purposes import Judgement
from phonehome.analysis.report import model
from phonehome.analysis.report.model import MAX_DEVICES, OTHERS, DeviceKey, Report, total, url
from phonehome.analysis.transmission import Reply, Transmission

findings = st.builds(
    Finding,
    st.sampled_from(["imei", "mac"]),
    st.sampled_from(["1", "2", "3", "4"]),
    st.sampled_from(["certain", "likely"]),
    st.just("because"),
    st.just(("body", "x")),
)


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    answered = draw(st.booleans())
    sent = Transmission(
        time=draw(st.integers(1, 50)),
        client=draw(st.sampled_from(["10.0.0.2", "10.0.0.3", "127.0.0.1"])),
        origin=draw(st.sampled_from(["device", "device", "device", "replayed", "proxy"])),
        address=draw(st.sampled_from(["192.0.2.1", "192.0.2.2", None])),
        host=draw(st.sampled_from(["a.example", "b.example", None])),
        authority=draw(st.sampled_from(["c.example", None])),
        encrypted=draw(st.booleans()),
        reply=Reply(200, "", None, 3) if answered else None,
        bytes_sent=draw(st.integers(0, 9)),
        flow_id=draw(st.uuids()).hex,
    )
    return Evidence(
        sent,
        (),
        tuple(draw(st.lists(st.just(Opaque(("body",), 7, "encrypted", "")), max_size=2))),
        tuple(draw(st.lists(findings, max_size=3, unique=True))),
        Judgement(draw(st.sampled_from(["activation", "unclassified"])), "reason", None, False),
        draw(st.sampled_from(["delivered", "acknowledged"])) if answered else "attempted",
    )


parts = st.lists(st.tuples(st.sampled_from(["a.mitm", "b.mitm"]), evidence()), max_size=12)


def report(part: list[tuple[str, Evidence]]) -> Report:
    result = Report()
    for path, one in part:
        result.add(path, one)
    return result


def plain(result: Report) -> dict[str, Any]:
    """Comparable: without the order in which dictionaries were filled."""
    return asdict(result)


@settings(deadline=None)
@given(parts, parts, parts)
def test_any_division_gives_the_same_sum(first: Any, second: Any, third: Any) -> None:
    whole = plain(report(first + second + third))
    assert plain(total([report(first), report(second), report(third)])) == whole
    right = report(second)
    right.merge(report(third))
    assert plain(total([report(first), right])) == whole
    assert plain(total([report(third), report(first), report(second)])) == whole


@settings(deadline=None, max_examples=30)
@given(st.lists(evidence(), max_size=30), st.integers(0, 30))
def test_caps_keep_the_same_however_it_was_divided(some: list[Evidence], cut: int) -> None:
    limit, model.MAX_IDENTIFIERS = model.MAX_IDENTIFIERS, 1
    try:
        pairs = [("a.mitm", one) for one in some]
        whole, divided = report(pairs), total([report(pairs[:cut]), report(pairs[cut:])])
        for id_, device in whole.devices.items():
            for destination, addresses in device.destinations.items():
                for address, seen in addresses.items():
                    other = divided.devices[id_].destinations[destination][address]
                    assert other.kept_identifiers() == seen.kept_identifiers()
                    assert other.identifiers_found == seen.identifiers_found
    finally:
        model.MAX_IDENTIFIERS = limit


def test_those_without_an_address_of_their_own_are_one_for_each_capture() -> None:
    one = evidence_of(Transmission(time=1, client="127.0.0.1"))
    assert len(report([("a.mitm", one), ("b.mitm", one), ("b.mitm", one)]).devices) == 2


def test_url() -> None:
    assert (
        url(Transmission(time=1, host="a.example", path="/x?y", port=443, encrypted=True))
        == "https://a.example/x?y"
    )
    assert url(Transmission(time=1, address="2001:db8::1", port=8080)) == "http://[2001:db8::1]:8080"
    assert url(Transmission(time=1, protocol="tcp", address="192.0.2.1", port=9998)) == "tcp://192.0.2.1:9998"
    assert url(Transmission(time=1, protocol="dns", address="192.0.2.1", port=53)) == "dns://192.0.2.1"
    assert url(Transmission(time=1)) == "http://unknown"


def evidence_of(sent: Transmission) -> Evidence:
    return Evidence(sent, (), (), (), Judgement("unclassified", "", None, False), "attempted")


def clients(addresses: list[str]) -> Report:
    sent = Transmission(1.0, host="a.example", address="192.0.2.1", reply=Reply(200, "", None, 3))
    return report([("a.mitm", evidence_of(sent._replace(client=address))) for address in addresses])


@settings(deadline=None)
@given(order=st.permutations(range(9)), places=st.tuples(st.integers(0, 18), st.integers(0, 18)))
def test_too_many_clients_are_added_up_as_one_however_it_was_divided(
    order: list[int], places: tuple[int, int]
) -> None:
    addresses = [f"10.0.0.{number}" for number in [*order, *order]]
    first, second = sorted(places)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "MAX_DEVICES", 3)
        divided = (addresses[:first], addresses[first:second], addresses[second:])
        whole = total(clients(part) for part in divided)
        whole.cut()
    assert sorted(key.id for key in whole.devices) == ["10.0.0.0", "10.0.0.1", "10.0.0.2", OTHERS]
    others = whole.devices[DeviceKey("a.mitm", OTHERS)]
    assert others.others == {f"10.0.0.{number}" for number in range(3, 9)}
    ((seen,),) = [by_address.values() for by_address in others.destinations.values()]
    assert seen.transmissions == 12


def test_a_million_forged_senders_cost_no_more_than_a_thousand() -> None:
    found = clients([f"10.{number >> 8}.{number & 255}.1" for number in range(5 * MAX_DEVICES)])
    assert len(found.devices) <= 2 * MAX_DEVICES + 1
    found.cut()
    assert len(found.devices) == MAX_DEVICES + 1


def test_too_many_destinations_are_added_up_alike_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MAX_DESTINATIONS", 10)
    examiner = Examiner()
    sent = [
        examiner.examine(
            Transmission(
                1.7e9 + number,
                client="10.0.0.1",
                address=f"192.0.2.{number}",
                host=f"{number}.example" if number % 10 == 0 else None,
                bytes_sent=number,
            )
        )
        for number in range(100)
    ]
    sent.append(examiner.examine(Transmission(1.7e9, client="10.0.0.1", host="zzhc.vnet.cn")))

    def device_of(*lots: list[Evidence]) -> model.Device:
        reports = [Report() for _ in lots]
        for report, lot in zip(reports, lots, strict=True):
            for evidence in lot:
                report.add("a.mitm", evidence)
        ((_, device),) = total(reports).devices.items()
        device.cut()
        return device

    whole = device_of(sent)
    assert device_of(sent[::-1]) == whole
    assert device_of(sent[:30], sent[60:], sent[30:60]) == whole
    assert whole.crowded
    hosts = {key.host for key in whole.destinations}
    assert hosts == {
        None,
        "zzhc.vnet.cn",
        *(f"{number}.example" for number in range(0, 100, 10) if number != 90),
    }
    (rest,) = whole.destinations[model.Destination(None, "unclassified", None)].values()
    assert (rest.transmissions, rest.bytes_sent) == (91, sum(range(100)) - sum(range(0, 90, 10)))
