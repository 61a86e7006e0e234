"""Captures that a tool went on with in file after file: which files are one, and in what order.

tcpdump numbers them behind the ending (`-C`, `-W`: `phone.pcap`, `phone.pcap1` or `phone.pcap00`), dumpcap and
Wireshark before it, with the time (`-b`: `phone_00001_20240131120000.pcapng`, or time and number the other way round).
A ring begins anew with the lowest number, so what is in the files decides: the time of their first packets.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from phonehome.analysis.sources.packets.blocks import Blocks, may_hold_packets
from phonehome.analysis.sources.packets.notes import Notes

HEAD: Final = 4 << 20
"""Bytes of a file in which its first packet is looked for."""

_PACKED: Final = r"(?:\.(?:gz|zst|xz))?"
_NAMES: Final = (
    re.compile(
        r"(?P<before>.+_)(?P<number>[0-9]{5,7})_[0-9]{14}(?P<after>\.(?:pcapng|pcap|cap))" + _PACKED
    ).fullmatch,
    re.compile(
        r"(?P<before>.+_)[0-9]{14}_(?P<number>[0-9]{5,7})(?P<after>\.(?:pcapng|pcap|cap))" + _PACKED
    ).fullmatch,
    re.compile(
        r"(?P<before>.+\.(?:pcap|pcapng|cap|dump|dmp))(?P<number>[0-9]{0,6})(?P<after>)" + _PACKED
    ).fullmatch,
)


def joined(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Of some paths, by the first file of each capture: those that go on with it, in order. Files whose name or content
    does not fit are captures of their own."""
    groups: dict[tuple[str, ...], dict[int, list[str]]] = {}
    for path in dict.fromkeys(paths):
        if (found := _place(path)) is not None:
            groups.setdefault(found[0], {}).setdefault(found[1], []).append(path)
    result: dict[str, tuple[str, ...]] = {}
    for numbered in groups.values():
        if len(numbered) < 2 or any(len(same) > 1 for same in numbered.values()):
            continue  # a file and its packed copy: nobody knows which is meant
        timed = [
            (time, number, path)
            for number, (path,) in numbered.items()
            if (time := first_time(path)) is not None
        ]
        ordered = [path for _, _, path in sorted(timed)]
        if len(ordered) > 1:
            result[ordered[0]] = tuple(ordered[1:])
    return result


def _place(path: str) -> tuple[tuple[str, ...], int] | None:
    """What the files of a capture have in common, and the number of this one; None if its name says nothing."""
    folder, name = str(Path(path).parent), Path(path).name
    for kind, matches in enumerate(_NAMES):
        if match := matches(name):
            return (folder, str(kind), match["before"], match["after"]), int(match["number"] or 0)
    return None


def first_time(path: str) -> float | None:
    """When the first packet of a file was captured; None if it is no file of packets, or holds none."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None
    if not may_hold_packets(head):
        return None
    from phonehome.analysis.sources.packets.source import pieces_of

    notes = Notes()
    return next((time for time, *_ in Blocks(notes).frames(pieces_of(head, notes)) if time > 0), None)
