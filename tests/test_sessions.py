"""A session that was captured in several formats counts once."""

import json
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.addons.savehar import SaveHar

from captures.flows import build_flow, write_flows
from phonehome.analysis.pipeline import read_captures
from phonehome.cli import main
from tests.sources.packets.build import START, Talk, Timed, saved


def flows(paths: range, at: float = START) -> list[http.HTTPFlow]:
    return [
        build_flow(
            f"http://a.example/{path}?x={path}",
            address="203.0.113.7",
            at=at + path,
            method="POST",
            body=b"hello",
            seed=path + 1,
        )
        for path in paths
    ]


def packets(paths: range, at: float = START) -> list[Timed]:
    frames: list[Timed] = []
    for path in paths:
        request = b"POST /%d?x=%d HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello" % (
            path,
            path,
        )
        talk = Talk(time=at + path - 0.4, client_port=40000 + path).open().send(request)
        frames += talk.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").close().frames
    return frames


def session(folder: Path, har: range, at: float = START) -> list[str]:
    paths = [folder / "a.har", folder / "a.mitm", folder / "a.pcap"]
    SaveHar().export_har(flows(har, at), str(paths[0]))
    write_flows(paths[1], flows(range(10)))
    saved(folder, packets(range(2, 12)), "a.pcap")
    return [str(path) for path in paths]


def transmissions(paths: list[str]) -> dict[str, int]:
    captures = read_captures(paths).report.captures
    return {Path(path).name: capture.transmissions for path, capture in captures.items()}


def test_each_exchange_counts_once_in_the_fullest_format(tmp_path: Path) -> None:
    # The flow file has 0 to 9; the packets 2 to 11, so that two are theirs alone; the HAR file 0 to 5.
    paths = session(tmp_path, range(6))
    assert transmissions(paths) == {"a.mitm": 10, "a.pcap": 2, "a.har": 0}
    assert transmissions(paths[::-1]) == {"a.mitm": 10, "a.pcap": 2, "a.har": 0}
    assert transmissions(paths[:1]) == {"a.har": 6}


def test_the_same_requests_at_another_time_are_another_session(tmp_path: Path) -> None:
    har, mitm, _ = session(tmp_path, range(6), at=START + 3600)
    assert transmissions([har, mitm]) == {"a.mitm": 10, "a.har": 6}


def test_of_a_session_that_shares_little_all_counts(tmp_path: Path) -> None:
    har, mitm, _ = session(tmp_path, range(8, 28))
    assert transmissions([har, mitm]) == {"a.mitm": 10, "a.har": 20}


def test_the_report_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    har, mitm, _ = session(tmp_path, range(6))
    assert main(["report", har, mitm, "--quiet"]) == 0
    assert "the same session as a.mitm: 6 exchanges in both, counted there" in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(["report", har, mitm, "--quiet", "--format", "json"]) == 0
    first, _ = sorted(json.loads(capsys.readouterr().out)["captures"], key=lambda capture: capture["path"])
    assert (first["sessions"], first["repeated"]) == (["a.mitm"], 6)
