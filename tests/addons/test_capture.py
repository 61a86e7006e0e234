"""The capture file: whole flows, as they end, whatever happens to the process or the disk."""

import asyncio
import inspect
import logging
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons, tflow

from phonehome.addons.capture import CaptureWriter
from tests.network.parts import MITMDUMP, flows


def over(addon: CaptureWriter, flow: http.HTTPFlow) -> None:
    addon.request(flow)
    waiting = addon.response(flow)
    if inspect.isawaitable(waiting):
        asyncio.run(_awaited(waiting))


async def _awaited(waiting: Any) -> None:
    await waiting


def large() -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    assert flow.response is not None
    flow.response.content = os.urandom(300_000)
    return flow


def test_a_flow_is_in_the_file_when_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "new.mitm"
    addon = CaptureWriter()
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_capture=str(path))
        one, two = tflow.tflow(resp=True), large()
        over(addon, one)
        assert [flow.id for flow in flows(path)] == [one.id]
        over(addon, two)
        assert [flow.id for flow in flows(path)] == [one.id, two.id]
        waits = tflow.tflow()
        addon.request(waits)
        assert len(flows(path)) == 2
        addon.done()
    assert [flow.id for flow in flows(path)] == [one.id, two.id, waits.id]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    subprocess.run([MITMDUMP, "-q", "-nr", path], check=True, timeout=60)


def test_each_kind_of_flow_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "new.mitm"
    addon = CaptureWriter()
    with taddons.context(addon) as context:
        context.configure(addon, phonehome_capture=str(path))
        for flow in (
            tflow.tflow(err=True),
            tflow.ttcpflow(),
            tflow.tudpflow(),
            tflow.tdnsflow(resp=True),
            tflow.twebsocketflow(),
        ):
            asyncio.run(context.cycle(addon, flow))
        addon.done()
    assert sorted(flow.type for flow in flows(path)) == ["dns", "http", "http", "tcp", "udp"]


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "old.mitm"
    path.write_text("evidence")
    addon = CaptureWriter()
    with taddons.context(addon) as context, pytest.raises(Exception, match="cannot make"):
        context.configure(addon, phonehome_capture=str(path))
    assert path.read_text() == "evidence"


def test_a_full_disk_costs_nothing_that_was_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounts a small disk, which needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("may not mount a small disk here")
    addon = CaptureWriter()
    path = disk / "new.mitm"
    try:
        with taddons.context(addon) as context, caplog.at_level(logging.ERROR):
            context.configure(addon, phonehome_capture=str(path))
            first, last = tflow.tflow(resp=True), tflow.tflow(resp=True)
            over(addon, first)
            for _ in range(3):
                over(addon, large())
            assert [flow.id for flow in flows(path)] == [first.id]
            over(addon, last)
            assert [flow.id for flow in flows(path)] == [first.id, last.id]
            addon.done()
        assert caplog.text.count("cannot write to") == 1
        assert "there is room again; 3 flows were not saved" in caplog.text
    finally:
        subprocess.run(["umount", disk], check=True)
