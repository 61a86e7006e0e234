"""A capture in several files is one."""

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.sources import joined
from phonehome.cli import main
from tests.sources.packets.build import Talk, Timed, pcap, pcapng

REQUEST = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def talk() -> list[Timed]:
    """A connection, a request, and two minutes later another one."""
    talk = Talk().open().send(REQUEST).reply(OK)
    talk.time += 120
    return talk.send(REQUEST.replace(b"hello", b"again")).reply(OK).close().frames


def cut(frames: list[Timed], number: int) -> list[list[Timed]]:
    size = -(-len(frames) // number)
    return [frames[start : start + size] for start in range(0, len(frames), size)]


NAMES = [
    ["a.pcap", "a.pcap1", "a.pcap2"],
    ["a.pcap01", "a.pcap02", "a.pcap00"],  # a ring that began anew
    ["a_00009_20240131120000.pcapng", "a_00010_20240131120100.pcapng", "a_00011_20240131120200.pcapng"],
    ["a_20240131120000_00001.pcapng", "a_20240131120100_00002.pcapng", "a_20240131120200_00003.pcapng"],
    [
        "a_00001_20240131120000.pcapng.gz",
        "a_00002_20240131120100.pcapng.zst",
        "a_00003_20240131120200.pcapng",
    ],
]


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
def test_a_connection_over_the_boundary_is_one(names: list[str], tmp_path: Path) -> None:
    paths = []
    for name, frames in zip(names, cut(talk(), 3), strict=True):
        data = (pcapng if "pcapng" in name else pcap)(frames)
        data = gzip.compress(data) if name.endswith(".gz") else data
        data = zstandard.compress(data) if name.endswith(".zst") else data
        (tmp_path / name).write_bytes(data)
        paths.append(str(tmp_path / name))
    given = sorted(paths)
    assert joined(given) == {paths[0]: tuple(paths[1:])}
    reading = read_captures(given)
    (device,) = reading.report.devices.values()
    ((destination, addresses),) = device.destinations.items()
    (seen,) = addresses.values()
    assert (destination.host, seen.transmissions, seen.attempts) == ("a.example", 2, 0)
    assert [file.follows for file in reading.files] == ["", paths[0], paths[0]]
    assert not reading.errors
    alone = read_captures([paths[0]])
    assert sum(capture.transmissions for capture in alone.report.captures.values()) == 1


def test_what_does_not_fit_stays_alone(tmp_path: Path) -> None:
    frames = talk()
    for name in (
        "a.pcap",
        "b.pcap",
        "b.pcap1.txt",
        "c1.pcap",
        "c2.pcap",
        "d_1_2.pcap",
        "e.pcap1",
        "e.pcap1.gz",
    ):
        (tmp_path / name).write_bytes(pcap(frames))
    (tmp_path / "a.pcap1").write_bytes(b"hello")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.pcap1").write_bytes(pcap(frames))
    assert joined(str(path) for path in tmp_path.rglob("*") if path.is_file()) == {}
    assert joined([str(tmp_path / "none.pcap"), str(tmp_path / "none.pcap1")]) == {}


def test_the_report_names_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, frames in zip(("a.pcap00", "a.pcap01"), cut(talk(), 2), strict=True):
        (tmp_path / name).write_bytes(pcap(frames))
    assert main(["report", str(tmp_path), "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "goes on in 1 file, read as one capture with it" in text
    assert "a.pcap01, SHA-256" in text
    assert main(["report", str(tmp_path), "--quiet", "--format", "json"]) == 0
    (capture,) = json.loads(capsys.readouterr().out)["captures"]
    assert [file["path"] for file in capture["continued"]] == ["a.pcap01"]
    assert main(["inspect", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("POST") == 2
