"""Counts work instead of time: a test that asserts on the clock fails on a busy machine, and on no other."""

import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

MONITORING = sys.monitoring
TOOL = 4  # free for anyone's use: PEP 669 names 0, 1, 2 and 5
EVENTS = MONITORING.events.LINE | MONITORING.events.JUMP | MONITORING.events.CALL | MONITORING.events.PY_START


def steps(work: Callable[[], object]) -> int:
    """The lines, jumps and calls that Python took for something, in all threads of this process; the same number on
    every machine. What C code does within one call (a regular expression, a copy) is one step: give it so much that
    the time limit of each test (`timeout` in pyproject.toml) ends it if it takes more than its share."""
    taken = 0

    def count(code: CodeType, *_: Any) -> None:
        nonlocal taken
        taken += 1

    MONITORING.use_tool_id(TOOL, "steps")
    try:
        for event in (1 << bit for bit in range(EVENTS.bit_length()) if EVENTS >> bit & 1):
            MONITORING.register_callback(TOOL, event, count)
        MONITORING.set_events(TOOL, EVENTS)
        work()
    finally:
        MONITORING.set_events(TOOL, 0)
        MONITORING.free_tool_id(TOOL)
    return taken
