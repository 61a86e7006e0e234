"""The lines: one for each new destination, more where there is something new to say, loud for activations."""

import io
from pathlib import Path

import pytest
from mitmproxy.io import FlowReader
from mitmproxy.test import taddons

from addons.activation_log import ActivationLog
from addons.console import Console, Lines
from analysis.devices import DeviceNames
from analysis.readers import live_flow
from captures.flows import build_flow
from tests.network.parts import ROOT, flows


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: io.StringIO, *capture: Path, devices: tuple[str, ...] = ()) -> list[str]:
    """What the addon prints for the flows of captures, with the activation log before it, as in the proxy."""
    console, log = Console(out), ActivationLog()
    with taddons.context(log, console) as context:
        context.configure(console, console_devices=list(devices))
        console.running()
        for path in capture:
            for flow in flows(path):
                for addon in (log, console):
                    for hook in ("request", "response", "dns_response", "tcp_end", "udp_end"):
                        kind = {"request": "http", "response": "http"}.get(hook, hook.partition("_")[0])
                        if flow.type == kind:
                            getattr(addon, hook, lambda flow: None)(flow)
        console.done()
    return out.getvalue().splitlines()


SAMPLE = ROOT / "captures" / "nokia-7-plus-affected.mitm"


def test_a_destination_gives_one_line_and_each_activation_one() -> None:
    lines = shown(io.StringIO(), SAMPLE, devices=("Anna=10.42.0.23",))
    china = [line for line in lines if "  zzhc.vnet.cn  " in line]
    assert len(china) == 14
    assert all("  Anna  " in line and "  China  AS4134 Chinanet  ACTIVATION" in line for line in china)
    others = [line.split("  ")[1:3] for line in lines if "ACTIVATION" not in line]
    news = [one for one in others if one[1] == "www.nrk.no"]
    assert sorted(news) == [["10.42.0.57", "www.nrk.no"], ["Anna", "www.nrk.no"]]


def test_identifiers_are_masked() -> None:
    text = "\n".join(shown(io.StringIO(), SAMPLE))
    assert "IMEI 0010••••••••425" in text
    assert "001012340000425" not in text


def test_activations_are_red_on_a_terminal_only() -> None:
    red = [line for line in shown(Terminal(), SAMPLE) if line.startswith("\x1b[1;31m")]
    assert red
    assert all("ACTIVATION" in line for line in red)
    assert "\x1b" not in "".join(shown(io.StringIO(), SAMPLE))


@pytest.mark.parametrize("host", ["a\x1b[31mb", "a\nb", "a\u202eb"])
def test_captured_text_cannot_move_the_cursor(host: str) -> None:
    flow = build_flow("http://93.184.216.34/", headers=(("Host", "x"),), address="93.184.216.34")
    state = live_flow.state(flow)
    state["client_conn"] = {**state["client_conn"], "sni": host}
    found = Lines(DeviceNames()).line(state)
    assert found is not None
    assert found[0].isprintable()


def test_nothing_is_said_twice_and_other_identifiers_are_news() -> None:
    lines = Lines(DeviceNames())
    plain = build_flow("http://93.184.216.34/a", address="93.184.216.34")
    assert lines.line(live_flow.state(plain)) is not None
    assert lines.line(live_flow.state(plain)) is None
    more = build_flow(
        "http://93.184.216.34/b?advertising_id=6f1d3c2a-4a51-4b43-9d5e-0f3f2d1cab41", address="93.184.216.34"
    )
    found = lines.line(live_flow.state(more))
    assert found is not None
    assert "advertising ID 6f1d" in found[0]


def test_what_does_not_fit_is_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("addons.console.MAX_WAITING", 2)
    console = Console(io.StringIO())
    with taddons.context(console):
        console._thread = object()  # type: ignore[assignment]
        for number in range(5):
            console.response(build_flow(f"http://93.184.216.34/{number}", address="93.184.216.34"))
        console._thread = None
        console.done()
    assert "3 exchanges were not looked at" in caplog.text


def test_it_reads_the_other_samples_as_well() -> None:
    for path in sorted((ROOT / "captures").glob("*.mitm")):
        with path.open("rb") as file:
            assert list(FlowReader(file).stream())
        assert shown(io.StringIO(), path)
