"""Which phone it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis import knowledge
from phonehome.analysis.devices import (
    PHONES_IPV6,
    UNKNOWN,
    DeviceFacts,
    DeviceNameError,
    DeviceNames,
    _system,
    device_id,
    label,
)
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.transmission import Transmission

DALVIK = "Dalvik/2.1.0 (Linux; U; Android 9; Nokia 7 plus Build/PPR1.180610.011)"


def sent(client: str | None = "10.0.0.2", mode: str = "regular", user_agent: str = "") -> Transmission:
    headers = (("User-Agent", user_agent),) if user_agent else ()
    return Transmission(time=0.0, client=client, proxy_mode=mode, headers=headers)


def model(value: str) -> Finding:
    return Finding("model", value, "likely", "", ("header", "user-agent"))


@pytest.mark.parametrize(
    ("client", "mode", "expected"),
    [
        ("10.0.0.2", "regular", "10.0.0.2"),
        ("2001:db8::2", "transparent", "2001:db8::2"),
        ("10.0.0.1", "wireguard:anna.conf@51820", "wireguard:anna.conf@51820"),
        (PHONES_IPV6, "wireguard:anna.conf@51820", "wireguard:anna.conf@51820"),
        ("10.0.0.4", "wireguard", "wireguard 10.0.0.4"),
        ("10.0.0.1", "regular", "10.0.0.1"),
        ("127.0.0.1", "regular", UNKNOWN),
        ("127.8.0.1", "regular", UNKNOWN),
        ("::1", "regular", UNKNOWN),
        (None, "regular", UNKNOWN),
    ],
)
def test_one_device_for_each_client(client: str | None, mode: str, expected: str) -> None:
    assert device_id(sent(client, mode)) == expected


def test_facts_are_counted_and_contradictions_kept() -> None:
    facts, other = DeviceFacts(), DeviceFacts()
    facts.add(sent(user_agent=DALVIK), [model("Nokia 7 plus")])
    facts.add(sent(user_agent=DALVIK), [model("TA-1046"), Finding("build", "00WW_3_22C", "certain", "", ())])
    other.add(sent(user_agent=DALVIK), [model("Nokia 7 plus"), model("K")])
    facts.merge(other)
    assert facts.model == "Nokia 7 plus"
    assert facts.models == ["Nokia 7 plus", "TA-1046"]
    assert facts.system == "Android 9"
    assert facts.builds == ["00WW_3_22C"]


def test_what_nothing_was_said_of_is_unknown() -> None:
    facts = DeviceFacts()
    facts.add(sent(user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"), [])
    facts.add(sent(user_agent="Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/124.0.0.0"), [])
    assert (facts.model, facts.system, facts.builds) == (None, None, [])


def test_a_device_that_names_a_new_model_each_time_does_not_fill_memory() -> None:
    facts = DeviceFacts()
    for number in range(2000):
        facts.add(sent(), [model(f"model {number}"), model("Nokia 7 plus")])
    assert facts.model == "Nokia 7 plus"
    assert len(facts._models) <= 200
    assert len(facts.models) == 50


def test_each_pattern_reads_its_example() -> None:
    import tomllib
    from importlib.resources import files

    entries = tomllib.loads((files("phonehome.analysis.knowledge") / "devices.toml").read_text())[
        "user_agent"
    ]
    for entry in entries:
        assert _system(entry["example"]) is not None
        assert entry["reference"]["where"].startswith("https://")
    assert len(knowledge.shipped().software.systems) == len(entries)


@given(st.text(max_size=300))
def test_no_user_agent_raises(user_agent: str) -> None:
    DeviceFacts().add(sent(user_agent=user_agent), [])


class TestNames:
    def test_by_address_and_by_listener(self) -> None:
        names = DeviceNames.parse(
            ["Anna=10.0.0.2", "Ben = wireguard@51821", "Eva=::ffff:10.0.0.3", "x=y=10.0.0.4"]
        )
        assert names.name("a.mitm", "10.0.0.2", {"10.0.0.2"}) == "Anna"
        assert names.name("a.mitm", "wireguard:b.conf@51821", {"10.0.0.1"}) == "Ben"
        assert names.name("a.mitm", "10.0.0.3", {"10.0.0.3"}) == "Eva"
        assert names.name("a.mitm", "10.0.0.4", {"10.0.0.4"}) == "x=y"
        assert names.name("a.mitm", "10.0.0.9", {"10.0.0.9"}) is None

    def test_the_address_of_every_wireguard_client_names_none(self) -> None:
        names = DeviceNames.parse(["Anna=10.0.0.1"])
        assert names.name("a.mitm", "wireguard:a.conf@51820", {"10.0.0.1"}) is None
        assert names.name("a.mitm", "10.0.0.1", {"10.0.0.1"}) == "Anna"

    @pytest.mark.parametrize("text", ["Anna", "=10.0.0.2", "Anna=", "Anna=phone", "Anna=10.0.0", ""])
    def test_what_is_no_name_says_what_was_meant(self, text: str) -> None:
        with pytest.raises(DeviceNameError, match="NAME=ADDRESS"):
            DeviceNames.parse([text])

    def test_one_address_has_one_name(self) -> None:
        with pytest.raises(DeviceNameError, match="two names"):
            DeviceNames.parse(["Anna=10.0.0.2", "Ben=10.0.0.2"])

    def test_a_label_is_the_name_else_the_model_else_the_id(self) -> None:
        facts = DeviceFacts()
        assert label(None, "10.0.0.2", facts) == "10.0.0.2"
        assert label(None, UNKNOWN, facts) == "device without an address of its own"
        facts.add(sent(), [model("Nokia 7 plus")])
        assert label(None, "10.0.0.2", facts) == "Nokia 7 plus (10.0.0.2)"
        assert label("Anna", "10.0.0.2", facts) == "Anna"
