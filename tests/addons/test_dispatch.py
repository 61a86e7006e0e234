"""Addons are asked as mitmproxy asks them: in the same order, through the same errors."""

import asyncio
import logging
from typing import Any

import pytest
from mitmproxy import exceptions, hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.proxy.layers.http import HttpRequestHook, HttpResponseHook
from mitmproxy.test import taddons, tflow

from phonehome.addons.dispatch import QuickAddonManager


class Addon:
    def __init__(
        self, name: str, said: list[str], *children: Any, fault: BaseException | None = None
    ) -> None:
        self.name, self.said, self.addons, self.fault = name, said, children, fault

    def request(self, flow: Any) -> None:
        self.said.append(self.name)
        if self.fault:
            raise self.fault


class Late(Addon):
    async def request(self, flow: Any) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().request(flow)


class Deaf:
    addons = ()


async def asked(quick: bool) -> list[str]:
    said: list[str] = []
    with taddons.context() as context:
        manager = context.master.addons
        if quick:
            QuickAddonManager.replace(manager)
        assert type(manager) is (QuickAddonManager if quick else AddonManager)
        event = HttpRequestHook(tflow.tflow())
        parent = Addon("parent", said, Addon("child", said), Deaf())
        faulty = Addon("faulty", said, Addon("not asked", said), fault=ValueError("out of cheese"))
        halting = Addon("halting", said, fault=exceptions.AddonHalt())
        manager.add(parent, Late("late", said), faulty, Addon("after", said))
        await manager.handle_lifecycle(event)
        said.append("|")
        manager.add(halting, Addon("never", said))
        await manager.handle_lifecycle(event)
        await manager.handle_lifecycle(HttpResponseHook(tflow.tflow()))
        said.append("|")
        manager.remove(halting)
        parent.addons = (Addon("other child", said),)
        manager.trigger(hooks.ConfigureHook(set()))
        await manager.handle_lifecycle(event)
        said.append("|")
        manager.clear()
        await manager.handle_lifecycle(event)
    return said


def test_as_mitmproxy_does(caplog: pytest.LogCaptureFixture) -> None:
    async def both() -> tuple[list[str], list[str]]:
        return await asked(quick=True), await asked(quick=False)

    with caplog.at_level(logging.ERROR):
        mine, mitmproxys = asyncio.run(both())
    assert mine == mitmproxys
    assert caplog.text.count("Addon error: out of cheese") == 6
    assert mine[:6] == ["parent", "child", "late", "faulty", "after", "|"]
    assert "other child" in mine
    assert "never" not in mine[: mine.index("other child")]
    assert mine[-1] == "|"
