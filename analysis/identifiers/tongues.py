"""Names in other tongues, word by word: `numero_de_serie` and `xuliehao` are a serial number.

Strategy: a name is cut into words, where its sender marked them or, where not, so that a table has each of them
(`seriennummer`); they are put into English, their order is tried as it stands, turned round, and with the first
word last, since languages differ in where the noun comes. A name with a word that is not in the table is left alone.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

MAX_WORDS: Final = 8
"""Words of a name that is translated."""
MAX_LENGTH: Final = 48
"""Characters of a word that is cut up."""

_BETWEEN = re.compile(r"[\s_./:\[\]()-]+|(?<=[^\W\d_])(?=[0-9])|(?<=[0-9])(?=[^\W\d_])")
_HUMP = re.compile(r"(?<=[a-zà-ÿа-я])(?=[A-ZÀ-ÞА-Я])")


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """In lower case, without accents."""
    if text.isascii():
        return text.lower()
    return "".join(
        mark for mark in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(mark)
    )


class Tongues:
    """The words of all languages together; by their folded form, what they are in English (`` if nothing)."""

    __slots__ = ("_beginnings", "_words")

    def __init__(self, words: Mapping[str, str], english: frozenset[str]) -> None:
        """`english` are words that names in any language may hold, as they are: `id`, `mac`."""
        self._words: dict[str, str] = {**{word: word for word in english}, **words}
        self._beginnings = frozenset(word[:2] for word in self._words)

    def english(self, name: str) -> list[str]:
        """The words of a name in English, each as a phrase; empty if one of them is in no table, or none is foreign."""
        phrases: list[str] = []
        words = self._words
        foreign = False
        for word in _BETWEEN.split(_HUMP.sub("_", name)):
            if not word or word.isdecimal():
                continue
            word = fold(word)
            parts = [word] if word in words else self._cut(word)
            if not parts or len(phrases) + len(parts) > MAX_WORDS:
                return []
            for part in parts:
                foreign = foreign or words[part] != part
                if words[part]:
                    phrases.append(words[part])
        return phrases if foreign else []

    def readings(self, name: str) -> Iterator[list[str]]:
        """The English words of a name in each order that makes sense."""
        phrases = self.english(name)
        orders = (phrases, phrases[::-1], [*phrases[1:], *phrases[:1]])
        for order in orders[: len(phrases)]:
            yield list(dict.fromkeys(" ".join(order).split()))

    def _cut(self, word: str) -> list[str]:
        """A word in parts that are all in the table, as few as may be; empty if there is no way."""
        if word[:2] not in self._beginnings or len(word) > MAX_LENGTH:
            return []
        words = self._words
        best: list[list[str] | None] = [[], *[None] * len(word)]
        for end in range(1, len(word) + 1):
            for start in range(end - 1, -1, -1):
                before = best[start]
                if before is not None and word[start:end] in words:
                    shortest = best[end]
                    if shortest is None or len(before) + 1 < len(shortest):
                        best[end] = [*before, word[start:end]]
        return best[-1] or []
