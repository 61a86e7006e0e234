"""Which app a conversation is of, as PCAPdroid marks it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.sources import open_source
from phonehome.analysis.sources.packets.blocks import Blocks
from phonehome.analysis.sources.packets.notes import Notes
from phonehome.analysis.transmission import App, Transmission
from tests.sources.packets.build import (
    Talk,
    Timed,
    block,
    client_hello,
    interface,
    marked_block,
    pcap,
    record,
    section,
    trailer,
    uid_block,
)

REQUEST = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HELLO = record(22, client_hello("b.example"))


def talks() -> list[tuple[str, list[Timed]]]:
    """Two apps, one after the other on the same port; the second does not get through at first."""
    return [
        ("First", Talk(mac=bytes(6), router=bytes(6)).open().send(REQUEST).reply(OK).close().frames),
        (
            "Second",
            Talk(mac=bytes(6), router=bytes(6), port=443, client_port=40001).open().send(HELLO).frames,
        ),
    ]


def read(path: Path) -> dict[str | None, Transmission]:
    with open_source(path) as source:
        plan = source.plan(1)
        source.context = plan.context
        return {sent.host: sent for part in plan.parts for sent in source.read(part)}


def test_the_trailer_of_pcap(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([(time, trailer(frame, app)) for app, frames in talks() for time, frame in frames]))
    found = read(path)
    assert found["a.example"].app == App("First", "", "packet")
    assert found["a.example"].payloads == (b"hello",)
    assert found["b.example"].app == App("Second", "", "packet")


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_blocks_and_comments_of_pcapng(order: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    apps = {"First": (10001, "com.first"), "Second": (10002, "com.zweit\u00e9")}
    data = section(order) + interface(1, order)
    for app, frames in talks():
        uid, package = apps[app]
        data += uid_block(uid, package, app, order)
        data += b"".join(marked_block(time, frame, uid, order) for time, frame in frames)
    path.write_bytes(data)
    found = read(path)
    assert found["a.example"].app == App("First", "com.first", "packet")
    assert found["b.example"].app == App("Second", "com.zweit\u00e9", "packet")


def test_an_app_that_becomes_known_later(tmp_path: Path) -> None:
    (_, frames), _ = talks()
    marked = [
        trailer(frame, "First", uid=10001 if place > 1 else -1) for place, (_, frame) in enumerate(frames)
    ]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([(time, frame) for (time, _), frame in zip(frames, marked, strict=True)]))
    assert read(path)["a.example"].app == App("First", "", "packet")


def test_a_number_that_nothing_names_and_a_capture_without_marks(tmp_path: Path) -> None:
    (_, frames), (_, others) = talks()
    path = tmp_path / "a.pcapng"
    data = section() + interface() + uid_block(1, "com.other", "Other")
    path.write_bytes(data + b"".join(marked_block(time, frame, 10001) for time, frame in frames))
    assert read(path)["a.example"].app is None
    plain = tmp_path / "b.pcap"
    plain.write_bytes(pcap([*frames, *others]))
    assert {sent.app for sent in read(plain).values()} == {None}


@given(st.binary(max_size=60))
def test_any_block_of_pcapdroids_number_is_survived(body: bytes) -> None:
    frame = talks()[0][1][0][1]
    data = (
        section()
        + interface()
        + block(0xBAD, (62652).to_bytes(4, "little") + body)
        + marked_block(1.0, frame, 1)
    )
    reader = Blocks(Notes())
    assert [found[2] for found in reader.frames([data])] == [frame]
    reader.app(frame)
