"""Whose network card it is."""

import json
from pathlib import Path

import pytest

from phonehome.analysis.makers import RANDOM, maker
from phonehome.cli import main
from tests.sources.packets.build import Talk, saved

REQUEST = b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("mac", "who"),
    [
        ("3c5ab4000001", "Google, Inc."),
        ("001422abcdef", "Dell Inc."),
        ("021422abcdef", RANDOM),
        ("fcffff000000", None),
        ("", None),
        ("3c5ab40000", None),
    ],
)
def test_the_registry_is_asked(mac: str, who: str | None) -> None:
    assert maker(bytes.fromhex(mac)) == who


def test_each_device_has_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = Talk().open().send(REQUEST).reply(OK).close().frames
    other = Talk(client="192.168.1.21", mac=bytes.fromhex("0a0000000002"), client_port=40001)
    frames += other.open().send(REQUEST).reply(OK).close().frames
    path = str(saved(tmp_path, frames))
    assert main(["report", path, "--quiet", "--format", "json"]) == 0
    text = capsys.readouterr().out
    assert {device["id"]: device["card"] for device in json.loads(text)["devices"]} == {
        "192.168.1.20": "Google, Inc.",
        "192.168.1.21": RANDOM,
    }
    assert "3c:5a:b4" not in text.lower()
    assert main(["report", path, "--quiet"]) == 0
    assert "network card: Google, Inc." in capsys.readouterr().out
