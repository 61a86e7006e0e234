"""Remembering what a function gave, within a bound."""

from collections.abc import Callable
from typing import Final

ROOM: Final = 8 << 20
"""Bytes of keys and results that are remembered: captured texts can be of any length."""
LARGEST: Final = 64 << 10
"""Bytes of the largest key and result that are."""


class Memo[Key, Result](dict[Key, Result]):
    """`memo[key]` is what `make(key)` gives, remembered for up to `most` keys, and `ROOM` bytes of them and of what
    they gave; then all are forgotten. On what does not come again, as most that phones send, this costs a fifth of what
    `functools.lru_cache` does, which keeps an order among its keys."""

    def __init__(
        self,
        make: Callable[[Key], Result],
        most: int,
        size: Callable[[Key, Result], int] | None = None,
    ) -> None:
        """`size` gives the bytes of a key and its result, about, above what each takes anyway; without it, those of
        the key count. (None and no lambda: what remembers goes to other processes.)"""
        super().__init__()
        self._make = make
        self._most = most
        self._size = size
        self._bytes = 0

    def __missing__(self, key: Key) -> Result:
        result = self._make(key)
        size = self._size(key, result) if self._size is not None else size_of(key)
        if size > LARGEST:
            return result
        self._bytes += size
        if len(self) >= self._most or self._bytes > ROOM:
            self.clear()
            self._bytes = size
        self[key] = result
        return result


def size_of(key: object) -> int:
    """Bytes of a text, or of the texts in tuples, about; nothing for what is neither."""
    if isinstance(key, (str, bytes)):
        return len(key)
    return sum(map(size_of, key)) if isinstance(key, tuple) else 0
