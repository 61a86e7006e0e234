"""The lines: one for each new destination, more where there is something new to say, loud for activations."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from mitmproxy.flow import Flow

from captures.flows import build_flow
from phonehome.addons.live.lines import Lines
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.report.located import Session
from phonehome.analysis.sources import live_flow
from tests.examining import examine
from tests.network.parts import ROOT, flows

SAMPLE = ROOT / "captures" / "nokia-7-plus-affected.mitm"


def lines_of(
    exchanges: Sequence[Flow], devices: tuple[str, ...] = (), over: Sequence[bool] = (True,)
) -> list[tuple[str, bool]]:
    lines = Lines(DeviceNames.parse(devices), Session(LocationDatabase().locate))
    found = []
    for exchange in exchanges:
        sent = live_flow.transmission(exchange)
        assert sent is not None
        found += [line for is_over in over if (line := lines.line(examine(sent), over=is_over)) is not None]
    return found


def test_a_destination_gives_one_line_and_each_activation_one() -> None:
    said = lines_of(flows(SAMPLE), ("Anna=10.42.0.23",))
    china = [(text, loud) for text, loud in said if "  zzhc.vnet.cn  " in text]
    assert len(china) == 14
    assert all(
        "  Anna  " in text and "  China (likely)  AS4134 Chinanet  ACTIVATION" in text for text, _ in china
    )
    assert all(loud for _, loud in china)
    others = [text.split("  ")[1:3] for text, loud in said if not loud]
    assert not [text for text, loud in said if not loud and "ACTIVATION" in text]
    news = [one for one in others if one[1] == "www.nrk.no"]
    assert sorted(news) == [["10.42.0.57", "www.nrk.no"], ["Anna", "www.nrk.no"]]


def test_what_is_under_way_is_said_once() -> None:
    (waiting, loud), *more = lines_of(
        [build_flow("http://zzhc.vnet.cn/", method="POST", body=b"{}", reply=None)], over=(False, True)
    )
    assert loud
    assert "no answer yet" in waiting
    assert more == []


def test_identifiers_are_masked() -> None:
    text = "\n".join(text for text, _ in lines_of(flows(SAMPLE)))
    assert "IMEI #1 00101234•••••••" in text
    assert "001012340000425" not in text


@pytest.mark.parametrize("host", ["a\x1b[31mb", "a\nb", "a\u202eb"])
def test_captured_text_cannot_move_the_cursor(host: str) -> None:
    flow = build_flow("http://93.184.216.34/", headers=(("Host", "x"),), address="93.184.216.34")
    flow.client_conn.sni = host
    ((text, _),) = lines_of([flow])
    assert text.isprintable()


def test_nothing_is_said_twice_and_other_identifiers_are_news() -> None:
    plain = build_flow("http://93.184.216.34/a", address="93.184.216.34")
    more = build_flow(
        "http://93.184.216.34/b?advertising_id=6f1d3c2a-4a51-4b43-9d5e-0f3f2d1cab41", address="93.184.216.34"
    )
    said = lines_of([plain, plain, more])
    assert len(said) == 2
    assert "advertising ID #1 6f1d" in said[1][0]


@pytest.mark.parametrize("path", sorted((ROOT / "captures").glob("*.mitm")), ids=lambda path: path.stem)
def test_it_reads_the_samples(path: Path) -> None:
    assert lines_of(flows(path))
