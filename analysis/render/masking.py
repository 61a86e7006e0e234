"""Hiding identifiers in whatever is shown.

An identifier stands not only in its field: it can be part of a path, a host name, a key or a longer text. All
texts go through here, unless the user asked for the identifiers themselves.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote

import ahocorasick

from phonehome.analysis.identifiers import mask
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.identifiers.kinds import kinds
from phonehome.analysis.identifiers.known import variants

SHORTEST = 6
"""Characters of a value that is looked for in other texts; shorter ones stand there by chance."""
LONGEST_SHOWN = 15
LONGEST_WORDS = 40
"""Characters of a part of a URL that is shown as it is: a longer one can be an identifier in an encoding (an IMEI
has 15 digits, 20 characters in base64), unless it is made of words."""

_PARTED = frozenset({"position", "count"})
"""Styles of masking whose values are several, with commas between."""

_WORDS = re.compile(r"(?:[A-Z]?[a-z]+[-_.]?)+")
_MAIL = re.compile(r"[0-9A-Za-z._%+-]{1,64}@[0-9A-Za-z][0-9A-Za-z.-]{0,250}\.[A-Za-z]{2,24}")
_NUMBER = re.compile(r"\+[0-9]{8,15}(?![0-9])|(?<![0-9.])[0-9]{14,}(?![0-9.])")
_MAC = re.compile(r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f:-])")
_PLACE = re.compile(r"(-?[0-9]{1,3}\.[0-9]{3,})(\s*[,;|/ ]\s*)(-?[0-9]{1,3}\.[0-9]{3,})(?![0-9.])")
_TOKEN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{9,}")
_ENCODED = re.compile(r"(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])[0-9A-Za-z+/_-]{16,}={0,2}").fullmatch
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}|[0-9]{8}T[0-9]{4,6}Z?|[0-9-]{1,13}").fullmatch
_WORD = re.compile(r"[A-Za-z]{0,24}[0-9]{0,2}|[0-9]{1,4}").fullmatch


class Masking:
    """Replaces the values of these findings in each spelling, in upper and lower case, with and without separators,
    and percent-encoded. `spelled` are other texts to hide, each with what is shown instead."""

    def __init__(self, findings: Iterable[Finding], spelled: Iterable[tuple[str, str]] = ()) -> None:
        self._automaton = ahocorasick.Automaton()
        for secret, shown in chain(_secrets(findings), spelled):
            if len(secret) < SHORTEST:
                continue
            for form in {secret, secret.lower(), secret.upper()}:
                for word in {form, quote(form, safe="")}:
                    self._automaton.add_word(word, (len(word), shown))
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


def is_secret(finding: Finding) -> bool:
    """Whether it is masked at all: a model or build is not."""
    return mask(finding.kind, finding.value) != finding.value


def _secrets(findings: Iterable[Finding]) -> Iterator[tuple[str, str]]:
    """What is looked for, and what is shown instead."""
    for finding in findings:
        value = finding.value
        if not is_secret(finding):
            continue
        shown = mask(finding.kind, value)
        for form in variants(value):
            yield form, shown
        kind = kinds().get(finding.kind)
        if kind is not None and kind.mask in _PARTED:
            # Latitude and longitude, or the members of a list, stand apart from each other.
            for part in value.split(","):
                yield part, mask(finding.kind, part)


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
        return hidden_tokens(segment)
    return segment[:4] + "••••"


def hidden_tokens(text: str) -> str:
    """The text without what could be an identifier though nothing says so: e-mail and MAC addresses, pairs of
    coordinates, long numbers, and runs of ten letters and digits and more that are no words. What is left of each is
    its ends, which is enough to compare."""
    if _ENCODED(text):
        return mask("", text)
    return _TOKEN.sub(_hidden_token, hidden_numbers(text))


def hidden_numbers(text: str) -> str:
    """As `hidden_tokens`, but for the runs of letters and digits: for names, of which many look like these."""
    text = _MAIL.sub(lambda match: mask("email", match[0]), text)
    text = _MAC.sub(lambda match: mask("mac", match[0]), text)
    text = _PLACE.sub(lambda match: mask("position", f"{match[1]},{match[3]}"), text)
    return _NUMBER.sub(lambda match: mask("", match[0]), text)


def _hidden_token(match: re.Match[str]) -> str:
    token = match[0]
    plain = token.isalpha() or _TIME(token) or all(map(_WORD, re.split("[_-]", token)))
    return token if plain else mask("", token)
