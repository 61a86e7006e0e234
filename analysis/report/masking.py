"""Hiding identifiers in whatever is shown.

An identifier stands not only in its field: it can be part of a path, a host name, a key or a longer text. All
texts go through here, unless the user asked for the identifiers themselves.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import ahocorasick

from analysis.identifiers import mask
from analysis.identifiers.finding import Finding

SHORTEST = 6
"""Characters of a value that is looked for in other texts; shorter ones stand there by chance."""
LONGEST_SHOWN = 15
LONGEST_WORDS = 40
"""Characters of a part of a URL that is shown as it is: a longer one can be an identifier in an encoding (an IMEI
has 15 digits, 20 characters in base64), unless it is made of words."""

_WORDS = re.compile(r"(?:[A-Z]?[a-z]+[-_.]?)+")


class Masking:
    """Replaces the values of these findings, as they are, in upper and lower case, and percent-encoded."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._automaton = ahocorasick.Automaton()
        for finding in findings:
            shown = mask(finding.kind, finding.value)
            # A model or build is no secret, and `mask` leaves it as it is.
            if len(finding.value) < SHORTEST or shown == finding.value:
                continue
            for form in {finding.value, finding.value.lower(), finding.value.upper()}:
                for spelled in {form, quote(form, safe="")}:
                    self._automaton.add_word(spelled, (len(spelled), shown))
        self._any = len(self._automaton) > 0
        if self._any:
            self._automaton.make_automaton()

    def text(self, text: str) -> str:
        """The text with each of the values masked."""
        if not self._any:
            return text
        pieces: list[str] = []
        position = 0
        for last, (length, shown) in self._automaton.iter_long(text):
            pieces += (text[position : last - length + 1], shown)
            position = last + 1
        return "".join((*pieces, text[position:])) if pieces else text

    def everywhere(self, item: Any) -> Any:
        """The same for every text in lists and dictionaries; names of entries stay."""
        if isinstance(item, str):
            return self.text(item)
        if isinstance(item, list):
            return [self.everywhere(inner) for inner in item]
        if isinstance(item, dict):
            return {key: self.everywhere(inner) for key, inner in item.items()}
        return item


def masked_url(url: str) -> str:
    """The URL without what can identify: values in its query, and long segments of its path, which can be an
    identifier in an encoding."""
    base, mark, query = url.partition("?")
    scheme, separator, rest = base.partition("://")
    host, *segments = rest.split("/")
    shown = "/".join([host, *(_masked_segment(segment) for segment in segments)])
    if mark:
        names = [pair.partition("=")[0] for pair in query.split("&")]
        mark += "&".join(f"{_masked_segment(name)}=•" for name in names)
    return f"{scheme}{separator}{shown}{mark}"


def _masked_segment(segment: str) -> str:
    if len(segment) <= LONGEST_SHOWN or (len(segment) <= LONGEST_WORDS and _WORDS.fullmatch(segment)):
        return segment
    return segment[:4] + "••••"
