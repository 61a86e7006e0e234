"""Damaged captures of packets: the same as `fuzz/mutate_packets.py`, over captures made here, and briefly."""

import random
from pathlib import Path

import pytest

from fuzz.driver import run
from fuzz.mutate_packets import check, mutated, read
from phonehome.analysis.sources.packets import source
from tests.sources.packets.build import (
    PHONE,
    SERVER,
    START,
    Talk,
    asked,
    client_hello,
    ethernet,
    ip,
    pcap,
    pcapng,
    record,
    udp,
)
from tests.sources.packets.in_memory import TlsTalk

POST = b"POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def originals(folder: Path) -> list[bytes]:
    clear = asked("a.example", [SERVER]) + Talk().open().send(POST + POST).reply(OK + OK).close().frames
    clear += Talk(port=443, segment=80).open().send(record(22, client_hello("a.example"))).reset().frames
    clear += [(START + 9, ethernet(udp(PHONE, 4000, SERVER, 5683, b"hello, world")))]
    clear += [
        (
            START + 9,
            ethernet(ip(PHONE, SERVER, 17, bytes(64), fragment=place * 8 | (0x2000 * (place < 2)), id_=9)),
        )
        for place in range(3)
    ]
    clear += [
        (
            START + 10,
            ethernet(ip("198.51.100.1", "198.51.100.2", 41, udp("2001:db8::1", 1, "2001:db8::2", 2, b"x"))),
        )
    ]
    secure = TlsTalk(folder)
    for _ in range(3):
        secure.send(POST).reply(OK)
    frames = secure.talk.close().frames
    return [pcap(clear), pcapng(clear, order=">"), pcapng(frames, secrets=[secure.log.read_bytes()])]


def test_nothing_is_raised(tmp_path: Path) -> None:
    whole = originals(tmp_path)
    path = tmp_path / "mutated"
    for data in whole:
        path.write_bytes(data)
        assert read(path) >= 3
    (tmp_path / "keys.log").unlink()
    files = {str(number): data for number, data in enumerate(whole)}
    assert list(run(files, check, 600, seed=0)) == []
    found = 0
    for number in range(100):
        chance = random.Random(number)
        path.write_bytes(mutated(chance.choice(whole), chance))
        found += read(path)
    assert found > 100, "most of what is in them is still read"


def test_a_reader_that_raises_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(source, "Survey", broken)
    ((_, _, problem), *_) = run({"a": originals(tmp_path)[0]}, check, 3, seed=0)
    assert "LookupError" in problem
