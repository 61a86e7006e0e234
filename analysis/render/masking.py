"""Hiding identifiers in whatever is shown.

An identifier stands not only in its field: it can be part of a path, a host name, a key, a file's name or a longer
text. Every captured text goes through here, by what it is, unless the user asked for the identifiers themselves; words
of ours never do. What a value is replaced by in a text is its kind and number (`‹IMEI #1›`), as in the report's list.
"""

import re
from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote

import ahocorasick

from phonehome.analysis.decoding.memo import Memo
from phonehome.analysis.identifiers.kinds import NOTHING, kinds, meaning
from phonehome.analysis.identifiers.known import variants
from phonehome.analysis.identifiers.mask import HIDDEN, Masks, mask

SHORTEST = 6
"""Characters of a value that is looked for in other texts; shorter ones stand there by chance."""
MOST: Final = 8192
"""Paths, names in them, and sentences of which it is remembered how they are shown."""
FEWEST_DIGITS: Final = 4
"""Digits of a value that is hidden wherever it stands; what has fewer can be a word."""
LONGEST_SHOWN = 15
LONGEST_WORDS = 40
"""Characters of a part of a URL that is shown as it is: a longer one can be an identifier in an encoding (an IMEI
has 15 digits, 20 characters in base64), unless it is made of words."""

_PARTED = frozenset({"position", "count"})
"""Styles of masking whose values are several, with commas between."""

_WORDS = re.compile(r"(?:[A-Z]?[a-z]++[-_.]?+)++")
_MAIL = re.compile(r"[0-9A-Za-z._%+-]{1,64}+@[0-9A-Za-z][0-9A-Za-z.-]{0,250}\.[A-Za-z]{2,24}")
_NUMBER = re.compile(r"\+[0-9]{8,15}(?![0-9])|(?<![0-9])(?<![0-9]\.)[0-9]{14,}+(?!\.[0-9])")
_MAC = re.compile(r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f:-])")
_PLACE = re.compile(
    # Between the two stand white space with a blank in it, or one of these marks with white space around it.
    r"(-?[0-9]{1,3}\.[0-9]{3,}+)([^\S ]*+(?: \s*+(?:[,;|/]\s*+)?+|[,;|/]\s*+))(-?[0-9]{1,3}\.[0-9]{3,}+)(?![0-9.])"
)
_TOKEN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{9,}")
_ENCODED = re.compile(
    r"(?=[^0-9]*+[0-9])(?=[^a-z]*+[a-z])(?=[^A-Z]*+[A-Z])[0-9A-Za-z+/_-]{16,}+={0,2}+"
).fullmatch
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}|[0-9]{8}T[0-9]{4,6}Z?|[0-9-]{1,13}").fullmatch
_WORD = re.compile(r"[A-Za-z]{0,24}[0-9]{0,2}|[0-9]{1,4}").fullmatch
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_LABEL_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LABEL_HEX = re.compile(r"(?<![0-9A-Za-z])(?=(?:[a-fA-F]*[0-9]){2})[0-9a-fA-F]{12,}(?![0-9A-Za-z])")
_LABEL_MAIL = re.compile(
    # Two labels that can be a domain, and at least two more, whose owner was told it.
    r"(?<![0-9A-Za-z_+-])(?:[0-9A-Za-z_+-]{1,63}\.){0,4}[0-9A-Za-z_+-]{1,63}(\.at\.|-at-|_at_)"
    r"(?=[0-9A-Za-z-]{1,63}\.[A-Za-z]{2,3}(?:\.[0-9A-Za-z-]{1,63}){2})"
)
"""An address of e-mail in a host name: `someone.at.example.org.tracker.example`."""
_AT: Final = (".at.", "-at-", "_at_")
"""What stands in a host name for @."""
_MARK = re.compile(r"(‹[^‹›]*›)")
_NO_MARKS: Final = str.maketrans("‹›", "<>")
"""A stranger's text must not look like a mark of ours."""
_WORD_ONLY = re.compile(r"[A-Za-z]*").fullmatch


class Masking:
    """What is shown of captured texts in one report that holds these identifiers, given as kind and value. Implements
    `report.shown.Shown`. `spelled` are other texts to hide: each with the kind and value that it is a spelling of."""

    def __init__(
        self,
        identifiers: Iterable[tuple[str, str]],
        masks: Masks | None = None,
        spelled: Iterable[tuple[str, str, str]] = (),
        already: Collection[str] = frozenset(),
    ) -> None:
        """`already` are texts that were masked before, in a report that was saved."""
        self._masks = masks or Masks()
        self._already = already
        self._spelled = tuple(spelled)
        self._secrets = [
            (kind, value)
            for kind, value in dict.fromkeys(identifiers)
            if value not in already and is_secret(kind, value)
        ]
        for kind, value in self._secrets:
            self._masks.number(kind, value)
        # Paths, and the sentences beside identifiers, come again at each destination.
        self._paths = Memo(self._path, MOST)
        self._keys = Memo(self._key, MOST)
        self._names = Memo(self._name, MOST)

    def value(self, kind: str, value: str) -> str:
        """An identifier, by its mask: `#1 35693803•••••••`."""
        if value in self._already:
            return value
        masked = self._masks.mask(kind, value)
        # A model or a build is shown, but for what has the form of an identifier in it.
        return self.name(value) if masked == value else masked

    def text(self, text: str) -> str:
        """A captured text: what is known to be an identifier is named, what looks like one is cut."""
        return text if text in self._already else _between(hidden_tokens, self.known(text))

    def known(self, text: str) -> str:
        """A captured text in which only what is known to be an identifier is hidden."""
        return _replaced(self._all, text.translate(_NO_MARKS))

    def holds_more(self, text: str) -> bool:
        """Whether a text holds what is known to be an identifier, and something else."""
        known = self.known(text)
        return known != text and not _MARK.fullmatch(known)

    def host(self, text: str) -> str:
        """A host name or an address. A network's name that is a plain word (`activation`) is no identifier there."""
        if text in self._already:
            return text
        if ":" in text and (made := _made_of_mac(text)):
            return made
        text = _replaced(self._strong, text.translate(_NO_MARKS))
        text = ".".join(self._labels.get(label.lower(), label) for label in text.split("."))
        return _between(_hidden_host, text)

    def name(self, text: str) -> str:
        """A model, a build, the name of a device or a file; also a sentence of ours that holds a captured text that
        cannot be told from it. Only what has the form of an identifier is hidden."""
        return self._names[text]

    def _name(self, text: str) -> str:
        if text in self._already:
            return text
        return _between(self._numbered, _replaced(self._strong, text.translate(_NO_MARKS)))

    def path(self, text: str) -> str:
        """Where a value stood: names, which can be data."""
        return self._paths[text]

    def _path(self, text: str) -> str:
        return text if text in self._already else " > ".join(map(self.key, text.split(" > ")))

    def key(self, text: str) -> str:
        """A name of a value, which can be data: but not if it is a name that is known (`SIM1LTEIMSI`)."""
        return self._keys[text]

    def _key(self, text: str) -> str:
        return self.text(text) if meaning(text) is NOTHING else _between(hidden_numbers, self.known(text))

    def id(self, text: str) -> str:
        """The id of a flow: mitmproxy's are random."""
        if text in self._already:
            return text
        text = self.known(text)
        return text if _UUID(text) else _between(hidden_tokens, text)

    def url(self, url: str) -> str:
        """The URL without what can identify: values in its query, and long segments of its path, which can be an
        identifier in an encoding."""
        if url in self._already:
            return url
        base, mark, query = url.partition("?")
        scheme, separator, rest = base.partition("://")
        if not separator:
            scheme, rest = "", scheme
        host, *segments = rest.split("/")
        user, at, host = host.rpartition("@")
        shown = "/".join([("•" if user else "") + at + self.host(host), *map(self._segment, segments)])
        if mark:
            names = [pair.partition("=")[0] for pair in query.split("&")]
            mark += "&".join(f"{self._segment(name)}=•" for name in names)
        return f"{scheme}{separator}{shown}{mark}"

    def _segment(self, text: str) -> str:
        return _between(_masked_segment, self.known(text))

    def _numbered(self, text: str) -> str:
        """Without long numbers and the like; each has its own mark, so that two files stay two."""

        def mark(match: re.Match[str]) -> str:
            return f"‹number #{self._masks.number('', match[0])}›"

        for pattern in (_MAIL, _MAC, _PLACE, _NUMBER, _LABEL_UUID):
            text = pattern.sub(mark, text)
        return text

    def _mark(self, kind: str, value: str) -> str:
        its = kinds().get(kind)
        return f"‹{its.label if its else kind} #{self._masks.number(kind, value)}›"

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """What is looked for, and what is shown instead. Of two values with one spelling, the one that is the value."""
        found: dict[str, str] = {}
        for kind, value in self._secrets:
            found.setdefault(value, self._mark(kind, value))
        for kind, value in self._secrets:
            for form in variants(value):
                found.setdefault(form, self._mark(kind, value))
            its = kinds().get(kind)
            if its is not None and its.mask in _PARTED:
                # Latitude and longitude, or the members of a list, stand apart from each other.
                for part in value.split(","):
                    found.setdefault(part, self._mark(kind, value))
        for text, kind, value in self._spelled:
            found.setdefault(text, self._mark(kind, value))
        return {form: mark for form, mark in found.items() if len(form) >= SHORTEST}

    @cached_property
    def _all(self) -> Any:
        return _automaton(self._spellings.items())

    @cached_property
    def _strong(self) -> Any:
        # The address of a phone or a server is what it is called by.
        in_hosts = (
            (value.replace("@", at), self._mark(kind, value))
            for kind, value in self._secrets
            if "@" in value
            for at in _AT
        )
        return _automaton(
            (
                *in_hosts,
                *(
                    item
                    for item in self._spellings.items()
                    if _is_strong(item[0]) and not is_address(item[0])
                ),
            )
        )

    @cached_property
    def _labels(self) -> dict[str, str]:
        return {form.lower(): mark for form, mark in self._spellings.items() if not _WORD_ONLY(form)}


def _is_strong(text: str) -> bool:
    """Whether it cannot be a word of ours: an address, or something with four digits and more."""
    return (
        "@" in text or sum(map(str.isdigit, text)) >= FEWEST_DIGITS or _LABEL_HEX.fullmatch(text) is not None
    )


def _automaton(spellings: Iterable[tuple[str, str]]) -> Any:
    """None if there is nothing to look for."""
    automaton = ahocorasick.Automaton()
    for secret, shown in spellings:
        for form in {secret, secret.lower(), secret.upper()}:
            for word in {form, quote(form, safe="")}:
                automaton.add_word(word, (len(word), shown))
    if not len(automaton):
        return None
    automaton.make_automaton()
    return automaton


def _replaced(automaton: Any, text: str) -> str:
    if automaton is None:
        return text
    pieces: list[str] = []
    position = 0
    for last, (length, shown) in automaton.iter_long(text):
        pieces += (text[position : last - length + 1], shown)
        position = last + 1
    return "".join((*pieces, text[position:])) if pieces else text


def _between(hide: Callable[[str], str], text: str) -> str:
    """The text with what stands between marks hidden so."""
    if "‹" not in text:
        return hide(text)
    return "".join([piece if _MARK.fullmatch(piece) else hide(piece) for piece in _MARK.split(text) if piece])


def is_address(text: str) -> bool:
    """Whether it is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _made_of_mac(text: str) -> str:
    """An IPv6 address whose second half is made of a MAC address (RFC 4291 appendix A), without it; empty for
    others."""
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return ""
    if address.version != 6 or address.packed[11:13] != b"\xff\xfe":
        return ""
    return f"{':'.join(address.exploded.split(':')[:4])}:{HIDDEN}"


def carries_identifier(text: str) -> bool:
    """Whether a host name or an address looks as if it held an identifier."""
    return _hidden_host(text) != text or bool(":" in text and _made_of_mac(text))


def is_secret(kind: str, value: str) -> bool:
    """Whether it is masked at all: a model or build is not."""
    return mask(kind, value) != value


def _hidden_host(text: str) -> str:
    text = _LABEL_UUID.sub(lambda match: mask("", match[0]), text)
    return _LABEL_HEX.sub(lambda match: mask("", match[0]), hidden_numbers(text)) if ":" not in text else text


def _masked_segment(segment: str) -> str:
    if len(segment) <= LONGEST_SHOWN or (len(segment) <= LONGEST_WORDS and _WORDS.fullmatch(segment)):
        return hidden_tokens(segment)
    return segment[:4] + "••••"


def hidden_tokens(text: str) -> str:
    """The text without what could be an identifier though nothing says so: e-mail and MAC addresses, pairs of
    coordinates, long numbers, and runs of ten letters and digits and more that are no words. What is left of each is
    how it begins."""
    if _ENCODED(text):
        return mask("", text)
    return _TOKEN.sub(_hidden_token, hidden_numbers(text))


def hidden_numbers(text: str) -> str:
    """As `hidden_tokens`, but for the runs of letters and digits: for names, of which many look like these."""
    text = _MAIL.sub(lambda match: mask("email", match[0]), text)
    text = _LABEL_MAIL.sub(lambda match: f"{HIDDEN}{match[1]}", text)
    text = _MAC.sub(lambda match: mask("mac", match[0]), text)
    text = _PLACE.sub(lambda match: mask("position", f"{match[1]},{match[3]}"), text)
    return _NUMBER.sub(lambda match: mask("", match[0]), text)


def _hidden_token(match: re.Match[str]) -> str:
    token = match[0]
    plain = token.isalpha() or _TIME(token) or all(map(_WORD, re.split("[_-]", token)))
    return token if plain else mask("", token)
