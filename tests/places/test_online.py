"""Online look-ups as a whole: together, bounded in time, kept on disk, and never in the way."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phonehome.analysis.cache import default_cache_dir
from phonehome.analysis.places.online import (
    DAY,
    OnlineLookups,
    OnlineResults,
    is_public_address,
    is_public_name,
)
from tests.places.servers import NameServer, Registry, name_server, rdap, registry

RECORDS = {
    "zzhc.vnet.cn": [("CNAME", "act.vnet.cn.")],
    "act.vnet.cn": [("A", "202.96.209.1")],
    "1.0.228.13.in-addr.arpa": [("PTR", "one.example.net.")],
}


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server(RECORDS) as server:
        yield server


@pytest.fixture
def registries() -> Iterator[Registry]:
    with registry({"13.228.0.1": (200, rdap("AMAZON-SIN", "US", "Amazon"))}) as server:
        yield server


class Setting:
    def __init__(self, folder: Path, names: NameServer, registries: Registry) -> None:
        self.folder = folder / "cache"
        self.names = names
        self.registries = registries
        self.clock = Clock()

    def lookups(self, **options: Any) -> OnlineLookups:
        settings: dict[str, Any] = {"timeout": 0.3, "total_timeout": 5.0, **options}
        return OnlineLookups(
            self.folder,
            nameservers=["127.0.0.1"],
            port=self.names.port,
            opener=self.registries.opener,
            now=self.clock,
            **settings,
        )

    def asked(self) -> int:
        return len(self.names.asked) + len(self.registries.asked)


@pytest.fixture
def setting(tmp_path: Path, names: NameServer, registries: Registry) -> Setting:
    return Setting(tmp_path, names, registries)


def test_everything_that_can_be_known(setting: Setting) -> None:
    found = setting.lookups().look_up(["13.228.0.1"], ["zzhc.vnet.cn"])
    assert found.names["zzhc.vnet.cn"].aliases == ("act.vnet.cn",)
    assert found.names["zzhc.vnet.cn"].addresses == ("202.96.209.1",)
    assert found.names["zzhc.vnet.cn"].asked == setting.clock.now
    assert found.reverse["13.228.0.1"].name == "one.example.net"
    assert found.registry["13.228.0.1"].holder == "Amazon"
    assert found.registry["13.228.0.1"].country == "US"
    assert found.warnings == ()


def test_nothing_local_is_asked_about(setting: Setting) -> None:
    local = ["10.0.0.1", "fe80::1", "224.0.0.1", "192.0.2.1", "nonsense", "::ffff:10.0.0.1"]
    found = setting.lookups().look_up(
        local, ["printer.local", "localhost", "1.2.3.4", "router", "a..b", "x.home.arpa"]
    )
    assert found == OnlineResults()
    assert setting.asked() == 0
    assert not setting.folder.exists()


def test_what_is_kept_is_not_asked_again(setting: Setting) -> None:
    first = setting.lookups().look_up(["13.228.0.1"], ["zzhc.vnet.cn"])
    before = setting.asked()
    assert setting.lookups().look_up(["13.228.0.1"], ["zzhc.vnet.cn"]) == first
    assert setting.asked() == before


def test_what_is_too_old_is_asked_again(setting: Setting) -> None:
    setting.lookups().look_up(["13.228.0.1"], ["zzhc.vnet.cn"])
    asked_registry = len(setting.registries.asked)
    setting.clock.now += 2 * DAY
    found = setting.lookups().look_up(["13.228.0.1"], ["zzhc.vnet.cn"])
    assert found.names["zzhc.vnet.cn"].asked == setting.clock.now
    assert found.reverse["13.228.0.1"].asked == setting.clock.now - 2 * DAY
    assert len(setting.registries.asked) == asked_registry


def test_an_answer_from_the_future_is_asked_again(setting: Setting) -> None:
    setting.lookups().look_up([], ["zzhc.vnet.cn"])
    setting.clock.now -= 3600
    assert setting.lookups().look_up([], ["zzhc.vnet.cn"]).names["zzhc.vnet.cn"].asked == setting.clock.now


def test_faults_are_said_and_not_kept(setting: Setting) -> None:
    setting.names.silent.add("zzhc.vnet.cn")
    found = setting.lookups().look_up(["13.229.0.1"], ["zzhc.vnet.cn"])
    assert found.names["zzhc.vnet.cn"].problem == "the name server did not answer in time"
    assert found.reverse["13.229.0.1"].problem == "the address has no name"
    assert found.registry["13.229.0.1"].problem
    setting.names.silent.clear()
    assert setting.lookups().look_up([], ["zzhc.vnet.cn"]).names["zzhc.vnet.cn"].problem == ""


def test_files_are_for_the_user_alone(setting: Setting) -> None:
    setting.lookups().look_up([], ["zzhc.vnet.cn"])
    (file,) = setting.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(setting.folder.stat().st_mode) == 0o700


GOOD: dict[str, Any] = {
    "name": "zzhc.vnet.cn",
    "aliases": [],
    "addresses": ["6.6.6.6"],
    "problem": "",
    "asked": Clock.now,
}


NO_ENTRIES: list[Any] = [
    7,
    "text",
    [7],
    [{}],
    [{**GOOD, "addresses": "6.6.6.6"}],
    [{**GOOD, "addresses": [6]}],
    [{**GOOD, "asked": "now"}],
    [{**GOOD, "asked": True}],
    [{**GOOD, "name": None}],
    [{**GOOD, "more": 1}],
    [{key: value for key, value in GOOD.items() if key != "problem"}],
]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"format": 99}',
        b"[" * 200_000,
        *(
            json.dumps({"format": 1, "name": entries, "reverse": [], "registry": []}).encode()
            for entries in NO_ENTRIES
        ),
    ],
)
def test_a_damaged_cache_is_ignored_and_written_anew(setting: Setting, content: bytes) -> None:
    setting.folder.mkdir()
    file = setting.folder / "lookups.json"
    file.write_bytes(content)
    found = setting.lookups().look_up([], ["zzhc.vnet.cn"])
    assert found.names["zzhc.vnet.cn"].addresses == ("202.96.209.1",)
    assert found.warnings == ()
    assert json.loads(file.read_bytes())["name"][0]["addresses"] == ["202.96.209.1"]


def test_a_good_cache_is_used(setting: Setting) -> None:
    """So that the cases above fail for their damage and for nothing else."""
    setting.folder.mkdir()
    (setting.folder / "lookups.json").write_text(
        json.dumps({"format": 1, "name": [GOOD], "reverse": [], "registry": []})
    )
    assert setting.lookups().look_up([], ["zzhc.vnet.cn"]).names["zzhc.vnet.cn"].addresses == ("6.6.6.6",)


def test_a_cache_that_cannot_be_written_is_a_warning(setting: Setting) -> None:
    setting.folder.parent.joinpath("cache").write_text("a file where the folder should be")
    found = setting.lookups().look_up([], ["zzhc.vnet.cn"])
    assert found.names["zzhc.vnet.cn"].addresses == ("202.96.209.1",)
    assert "could not be kept" in found.warnings[0]


def test_the_time_is_bounded_and_what_came_is_there(setting: Setting) -> None:
    slow = [f"slow{number}.example.org" for number in range(40)]
    setting.names.silent.update(slow)
    # The time limit of this test is far less than that of one look-up.
    found = setting.lookups(timeout=1e4, total_timeout=1.0, workers=4).look_up([], ["zzhc.vnet.cn", *slow])
    assert set(found.names) == {"zzhc.vnet.cn"}
    assert found.warnings == (
        "40 of 41 look-ups had no answer within 1 s; the report is complete without them.",
    )


def test_look_ups_run_side_by_side(setting: Setting) -> None:
    slow = [f"slow{number}.example.org" for number in range(10)]
    setting.names.silent.update(slow)
    # None of them ends, and yet all have begun.
    setting.lookups(timeout=1e4, total_timeout=1.0, workers=10).look_up([], slow)
    assert set(setting.names.asked) == set(slow)


def test_no_more_threads_than_workers(setting: Setting) -> None:
    setting.names.silent.update(f"slow{number}.example.org" for number in range(30))
    before = set(threading.enumerate())
    lookups = setting.lookups(timeout=2.0, total_timeout=0.5, workers=3)
    lookups.look_up([], sorted(setting.names.silent))
    started = [thread for thread in threading.enumerate() if thread not in before]
    assert 0 < len(started) <= 3
    assert all(thread.daemon for thread in started)


def test_ctrl_c_ends_the_program_at_once_and_keeps_what_came(setting: Setting, tmp_path: Path) -> None:
    setting.names.silent.add("slow.example.org")
    program = (
        "import sys; from pathlib import Path; from phonehome.analysis.places.online import OnlineLookups\n"
        "print('ready', flush=True)\n"
        f"OnlineLookups(Path({str(setting.folder)!r}), timeout=60, total_timeout=60, workers=1,"
        f" nameservers=['127.0.0.1'], port={setting.names.port}).look_up([], ['zzhc.vnet.cn', 'slow.example.org'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        while "slow.example.org" not in setting.names.asked:  # the first has its answer
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    kept = json.loads((setting.folder / "lookups.json").read_bytes())
    assert [entry["name"] for entry in kept["name"]] == ["zzhc.vnet.cn"]
    assert os.listdir(setting.folder) == ["lookups.json"]


def test_the_cache_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache_dir() == Path("/somewhere/phonehome")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_cache_dir() == Path("/home/me/.cache/phonehome")


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("zzhc.vnet.cn", True),
        ("a.b.", True),
        ("printer.local", False),
        ("nas", False),
        ("", False),
        ("a..b", False),
        ("10.0.0.1", False),
        ("1.0.0.10.in-addr.arpa", False),
        ("x." * 200 + "org", False),
    ],
)
def test_public_names(name: str, public: bool) -> None:
    assert is_public_name(name) is public


@pytest.mark.parametrize(
    ("address", "public"), [("8.8.8.8", True), ("2a00::1", True), ("::1", False), ("x", False)]
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public_address(address) is public
