"""How much of what was sent is held in memory at once, over all conversations."""

from typing import Final

MAX_CONVERSATION: Final = 16 << 20
"""Bytes of one conversation that are kept,"""
MAX_ALL: Final = 256 << 20
"""and of all that are open."""


class MemoryBudget:
    """What is left of MAX_ALL."""

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_ALL) -> None:
        self.left = left


class Kept:
    """Bytes that grow, within a conversation's share and the common budget. What does not fit is counted."""

    __slots__ = ("_budget", "_pieces", "left_out", "size", "total")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._pieces: list[bytes] = []
        self.size = 0
        """Bytes that are held."""
        self.left_out = 0

        self.total = 0
        """All that came, held or not."""

    def add(self, data: bytes) -> None:
        """Keeps as much as may be kept."""
        size = len(data)
        self.total += size
        room = min(MAX_CONVERSATION - self.size, self._budget.left)
        if size > room:
            self.left_out += size - max(room, 0)
            data = data[: max(room, 0)]
            size = len(data)
        if data:
            self._pieces.append(data)
            self.size += size
            self._budget.left -= size

    def lost(self, size: int) -> None:
        """Counts bytes that the capture lacks."""
        self.total += size
        self.left_out += size

    def take(self) -> bytes:
        """What is held, which is held no longer."""
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._budget.left += self.size
        self._pieces = []
        self.size = 0
        return data
