"""What one transmission shows, and the names that a capture's own DNS gives."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.examiner import Examiner, Names
from phonehome.analysis.identifiers.engine import MAX_FOUND
from phonehome.analysis.transmission import NameAnswer, Reply, Transmission
from tests.examining import examine

REGISTRATION = base64.encodebytes(
    json.dumps(
        {
            "REGVER": "1",
            "MODEL": "HMD-TA 1046",
            "SIM1ICCID": "8947990000000000048",
            "IMEI1": "001012340000425",
        }
    ).encode()
)


def answer(name: str, address: str, time: float, client: str = "10.0.0.2") -> NameAnswer:
    return NameAnswer(name, address, time, client)


def sent(**more: object) -> Transmission:
    return Transmission(**{"time": 100.0, "client": "10.0.0.2", "protocol": "tcp", **more})  # type: ignore[arg-type]


class TestNames:
    def test_the_one_name_that_the_device_had_been_told_names_its_address(self) -> None:
        names = Names(
            [
                answer("b.example", "192.0.2.1", 90),
                answer("c.example", "192.0.2.1", 110),
                answer("b.example", "192.0.2.1", 10),
            ]
        )
        found = names.complete(sent(address="192.0.2.1"))
        assert (found.host, found.host_source, found.host_candidates) == ("b.example", "dns", ())

    def test_of_several_names_none_is_taken_for_the_one(self) -> None:
        names = Names([answer("b.example", "192.0.2.1", 90), answer("a.example", "192.0.2.1", 10)])
        found = names.complete(sent(address="192.0.2.1"))
        assert (found.host, found.host_source) == (None, None)
        assert found.host_candidates == ("a.example", "b.example")

    def test_phones_with_one_address_behind_listeners_of_their_own_are_two(self) -> None:
        names = Names([NameAnswer("a.example", "192.0.2.1", 1, "10.0.0.1", "wireguard:anna.conf@51820")])
        one = sent(address="192.0.2.1", client="10.0.0.1", proxy_mode="wireguard:anna.conf@51820")
        other = one._replace(proxy_mode="wireguard:ben.conf@51821")
        assert names.complete(one).host == "a.example"
        assert names.complete(other).host is None

    def test_a_session_that_does_not_end_remembers_the_latest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("phonehome.analysis.examiner.MAX_ANSWERS", 100)
        examiner = Examiner()
        names = examiner.names
        for n in range(1000):
            examiner.learn(sent(answers=(answer(f"{n}.example", f"198.18.{n // 250}.{n % 250}", n),)))
        assert max(map(len, (names._names, names._addresses))) <= 100
        assert names.complete(sent(address="198.18.3.249", time=999.0)).host == "999.example"
        assert names.complete(sent(address="198.18.0.9", time=999.0)).host is None

    @given(st.permutations([("a.example", 1.0), ("b.example", 2.0), ("a.example", 3.0), ("b.example", 2.0)]))
    def test_the_order_in_which_answers_are_learned_does_not_matter(
        self, order: list[tuple[str, float]]
    ) -> None:
        names = Names([answer(name, "192.0.2.1", time) for name, time in order])
        assert names.complete(sent(address="192.0.2.1", time=1.5)).host == "a.example"
        assert names.complete(sent(address="192.0.2.1", time=9)).host_candidates == ("b.example", "a.example")

    def test_an_answer_from_later_names_nothing(self) -> None:
        assert Names([answer("a.example", "192.0.2.1", 101)]).complete(sent(address="192.0.2.1")).host is None

    def test_an_answer_to_another_device_names_nothing(self) -> None:
        names = Names([answer("a.example", "192.0.2.1", 1, client="10.0.0.3")])
        assert names.complete(sent(address="192.0.2.1")).host is None

    def test_a_name_without_a_connection_gets_the_address_that_the_device_was_told(self) -> None:
        found = Names([answer("a.example", "192.0.2.1", 1)]).complete(sent(host="a.example"))
        assert (found.address, found.address_source) == ("192.0.2.1", "dns")

    def test_what_is_known_is_not_replaced(self) -> None:
        one = sent(host="a.example", address="192.0.2.9")
        assert Names([answer("b.example", "192.0.2.9", 1)]).complete(one) is one


class TestExamine:
    def test_the_activation_client(self) -> None:
        found = examine(
            sent(
                protocol="http",
                method="POST",
                path="/",
                host="zzhc.vnet.cn",
                port=80,
                headers=(("Content-Type", "application/encrypted-json"),),
                payloads=(REGISTRATION,),
                reply=Reply(200, "", b'{"resultCode":"0","resultDesc":"Success"}', 41),
            )
        )
        assert (found.judgement.purpose, found.outcome) == ("activation", "acknowledged")
        assert {(one.kind, one.certainty) for one in found.findings} >= {
            ("imei", "certain"),
            ("iccid", "certain"),
        }
        assert {one.path[:3] for one in found.findings} == {("body", "base64", "json")}

    def test_an_activation_by_its_looks(self) -> None:
        body = json.dumps({"imei": "001012340000425", "iccid": "8947990000000000048"}).encode()
        found = examine(
            sent(protocol="http", host="maker.example", method="POST", path="/", payloads=(body,))
        )
        assert found.judgement.purpose == "activation"
        assert found.judgement.reason.startswith("by its looks: ")
        assert found.outcome == "attempted"

    def test_what_is_not_known_is_unclassified(self) -> None:
        found = examine(
            sent(protocol="http", host="www.example", path="/index.html", reply=Reply(200, "", None, 9))
        )
        assert (found.judgement.purpose, found.findings, found.outcome) == ("unclassified", (), "delivered")

    @given(
        st.binary(max_size=300), st.text(max_size=60), st.sampled_from(["http", "tcp", "udp", "websocket"])
    )
    def test_no_content_raises(self, payload: bytes, path: str, protocol: str) -> None:
        examine(sent(protocol=protocol, host="zzhc.vnet.cn", path="/" + path, payloads=(payload,)))


CLIENT = {
    "REGVER": "5.0",
    "MODEL": "HMD-TA 1046",
    "SWVER": "00WW_3_22C",
    "SIM1ICCID": "8947990000000000048",
    "SIM1CELLID": "27400961",
    "IMEI1": "001012340000425",
}
DRESSES: dict[str, dict[str, object]] = {
    "HTTP": {"protocol": "http", "host": "zzhc.vnet.cn", "path": "/"},
    "raw TCP": {"host": "zzhc.vnet.cn", "port": 9999},
    "raw TCP to an address": {"address": "61.139.2.69", "port": 9999},
    "another port": {"address": "61.139.2.69", "port": 5555},
}


class TestChinaTelecomClient:
    """The family's payload in each of its dresses."""

    def findings(self, dress: str, **more: str) -> set[tuple[str, str, str]]:
        plain = json.dumps({**CLIENT, **more}).encode()
        payload = base64.encodebytes(plain) if dress == "HTTP" else plain
        shown = examine(sent(payloads=(payload,), **DRESSES[dress]))
        return {(found.kind, found.path[-1], found.certainty) for found in shown.findings}

    @pytest.mark.parametrize("dress", DRESSES)
    def test_cell_and_build_are_certain(self, dress: str) -> None:
        found = self.findings(dress)
        assert {("cell", "SIM1CELLID", "certain"), ("build", "SWVER", "certain")} <= found

    @pytest.mark.parametrize("dress", DRESSES)
    @pytest.mark.parametrize(
        ("rom", "ram", "system"),
        [
            ("64G", "4G", "Android9"),
            ("57.24 GB", "3.71 GB", "android8.1.0"),
            ("61440MB", "3893280kB", "9"),
            ("58.2GiB", "4096m", "Android 9.0"),
        ],
    )
    def test_sizes_of_memory_and_system_version_are_no_build(
        self, dress: str, rom: str, ram: str, system: str
    ) -> None:
        builds = {
            key for kind, key, _ in self.findings(dress, ROM=rom, RAM=ram, OSVER=system) if kind == "build"
        }
        assert builds == {"SWVER"}


def test_more_identifiers_than_are_kept_are_a_limit() -> None:
    body = json.dumps({"imei": [f"35693803{n:06d}0" for n in range(2 * MAX_FOUND)]}).encode()
    evidence = examine(sent(payloads=(body,)))
    assert len(evidence.findings) == MAX_FOUND
    assert [part.looks for part in evidence.opaque] == ["limit"]
