"""Values that the user says are this phone's, found in whatever form they were sent.

Strategy: each value is written once in every form in which it is searched (`forms`), and all forms of all values
go into two Aho-Corasick automata: one for what may be in either case, run over the bytes in lower case, and one
for what may not (base64, raw digests). What is searched is put together to one piece, so the cost does not depend
on how many values there are, and hardly on how many pieces.

What is found was named by the user, so it is "certain"; the reason names the form.
"""

import base64
import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import ahocorasick

from phonehome.analysis.decoding.values import Decoded, Value
from phonehome.analysis.identifiers.checks import CHECKS
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.identifiers.kinds import compact, kinds, meaning
from phonehome.analysis.transmission import Transmission

SHORTEST: Final = 6
"""Characters; a shorter value stands in half of all traffic by chance."""
UNBOUNDED: Final = 12
"""Characters from which on a form may stand inside a longer word; a shorter one must stand by itself."""
PART: Final = "without its last digit"
"""An IMEI is also sent without its check digit."""
MAX_FILE: Final = 4 << 20
"""Bytes of a file of values that are read."""
MOST_VALUES: Final = 1000
"""Values in one file; each has some hundred forms."""
LONGEST: Final = 512
"""Characters of a value."""
MOST_FINDINGS: Final = 1000
"""In one transmission; one that repeats a value more often is hostile, or says nothing more."""

_HASHES: Final[Mapping[str, Callable[[bytes], "hashlib._Hash"]]] = {
    "MD5": hashlib.md5,
    "SHA-1": hashlib.sha1,
    "SHA-256": hashlib.sha256,
}
_SEPARATORS = re.compile(r"[\s:./()-]+")
_MAC = re.compile(r"[0-9A-Fa-f]{12}").fullmatch
_BYTES = re.compile(r"(?:[0-9A-Fa-f]{2})+").fullmatch
_UUID = re.compile(r"[0-9A-Fa-f]{32}").fullmatch
_GMAIL = re.compile(r"([^@+]++)(?:\+[^@]*+)?+(@(?:gmail|googlemail)\.com)", re.IGNORECASE).fullmatch
_GAP: Final = b"\x00\n\x00"
"""Between pieces that are searched together: no form runs over it."""


class KnownValuesError(ValueError):
    """The file of known values is wrong. The message names file, place and what was meant to be there."""


class Known(NamedTuple):
    """One value that the user named."""

    name: str
    """As the user wrote it."""
    value: str


class Form(NamedTuple):
    """One way in which a known value may be written."""

    pattern: bytes
    cased: bool
    """Whether upper and lower case differ."""
    encoding: str
    """As it stands before "of your IMEI": `SHA-1`, `base64 form`; empty if the value is not encoded."""
    spelling: str
    """As it stands after "your IMEI": `without separators`; empty if it is as the user wrote it, but for case."""
    rank: int
    """Plainer forms first: only the plainest at a place is reported."""
    bounded: bool
    """Whether it must not be part of a longer word or number."""


_Patterns = tuple[dict[bytes, dict[int, Form]], dict[bytes, dict[int, Form]]]
"""Pattern -> the values of which it is a form, by number, and the form; of both cases, and of one."""
BEGINNING: Final = 8
"""Bytes of a form that are looked for first."""


class _Hit(NamedTuple):
    known: int
    form: Form


def variants(value: str) -> dict[str, str]:
    """The spellings of a value, each with what is said of it: with and without separators, upper and lower case,
    and, for what looks like a MAC address, an IMEI or a UUID, with the separators that are usual."""
    spellings: dict[str, str] = {value: ""}

    def add(text: str, said: str) -> None:
        if len(text) >= SHORTEST:
            for cased in (text, text.lower(), text.upper()):
                spellings.setdefault(cased, said)

    add(value, "")
    bare = _SEPARATORS.sub("", value)
    if bare != value and bare.isascii():
        add(bare, "without separators")
    number = bare.lstrip("+")
    if _MAC(number) and not number.isdecimal():
        for separator in (":", "-"):
            add(
                separator.join(number[place : place + 2] for place in range(0, 12, 2)),
                "with other separators",
            )
    if _UUID(number):
        parts = (number[:8], number[8:12], number[12:16], number[16:20], number[20:])
        add("-".join(parts), "with other separators")
    if number.isdecimal() and number != bare:
        add(number, "without +")
        add("00" + number, "with 00 for +")
        for national in _national(bare):
            add(national, "without country code")
    if mailbox := _GMAIL(value):
        add(mailbox[1].replace(".", "") + mailbox[2], "without what Gmail takes no notice of")
    if number.isdecimal() and len(number) == 15:
        for separator in (" ", "-"):
            add(separator.join((number[:2], number[2:8], number[8:14], number[14:])), "with other separators")
        add(number[:14], PART)
    if (
        len(number) == 16
        and not number.isdecimal()
        and all(digit in "0123456789abcdefABCDEF" for digit in number)
    ):
        whole = int(number, 16)
        add(str(whole), "as a decimal number")
        if whole >> 63:
            add(str(whole - (1 << 64)), "as a decimal number")
    return spellings


def _national(number: str) -> Iterator[str]:
    """A telephone number (with + before it) as it is dialled within its country, and the same without a 0 at its
    beginning."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return
    yield phonenumbers.national_significant_number(parsed)
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    yield "".join(filter(str.isdecimal, national))


def forms(value: str) -> Iterator[Form]:
    """All forms in which a value is searched."""
    for spelling, said in variants(value).items():
        # Of two spellings at one place, the one that the user wrote says more, and a part of it least.
        further = 0 if not said else 2 if said == PART else 1
        plain = spelling.encode("utf-8", "replace")
        bounded = len(spelling) < UNBOUNDED or spelling.isdecimal()
        if not said and len(spelling) >= UNBOUNDED and spelling.isalnum():
            yield Form(plain.lower()[::-1], False, "", "read backwards", 15, bounded)
        yield Form(plain.lower(), False, "", said, further, bounded)
        percent = quote(plain, safe="").encode()
        if percent != plain:
            yield Form(percent.lower(), False, "percent-encoded form", said, 10 + further, False)
        yield Form(plain.hex().encode(), False, "hexadecimal form", said, 20 + further, True)
        if len(plain) >= 12 and _BYTES(spelling):
            yield Form(bytes.fromhex(spelling), True, "binary form", said, 50 + further, False)
        for encoded in _base64_inside(plain):
            yield Form(encoded, True, "base64 form", said, 30 + further, False)
        for name, function in _HASHES.items():
            digest = function(plain).digest()
            yield Form(digest.hex().encode(), False, name, said, 40 + further, False)
            yield Form(digest, True, f"binary {name}", said, 50 + further, False)
            if name == "MD5":
                yield Form(
                    digest[4:12].hex().encode(), False, "16 digits of the MD5", said, 45 + further, True
                )
            for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
                yield Form(alphabet(digest).rstrip(b"="), True, f"base64 {name}", said, 50 + further, False)


def _base64_inside(data: bytes) -> Iterator[bytes]:
    """What base64 of a longer text that holds this one looks like, wherever it begins in a group of three bytes;
    without the characters that depend on what stands before or after."""
    for offset in range(3):
        whole = (offset + len(data)) % 3
        for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = alphabet(bytes(offset) + data).rstrip(b"=")
            start = (0, 2, 3)[offset]
            yield encoded[start : len(encoded) - 1 if whole else len(encoded)]


class KnownValues:
    """The values that the user named, ready to be searched."""

    def __init__(self, values: Iterable[Known]) -> None:
        """Raises KnownValuesError if a value is too short or too long, or if there are too many."""
        self.values = tuple(values)
        if len(self.values) > MOST_VALUES:
            raise KnownValuesError(
                f"{len(self.values)} known values; at most {MOST_VALUES} can be searched at once"
            )
        for known in self.values:
            _check_length(known)
        self._described = tuple(_describe(known) for known in self.values)
        self._patterns = self._written()

    def __reduce__(self) -> tuple[type["KnownValues"], tuple[tuple[Known, ...]]]:
        # Automata are built anew in the other process: that is quicker than to send them.
        return KnownValues, (self.values,)

    @classmethod
    def load(cls, path: Path | str) -> "KnownValues":
        """Reads a TOML file of names and values: `imei = "..."`, a list of several, or tables of them.

        Raises KnownValuesError, which names the file and the place, if it cannot be read or a value is none."""
        import tomllib

        file = Path(path)
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_FILE + 1)
            if len(data) > MAX_FILE:
                raise KnownValuesError(f"{file}: longer than {MAX_FILE:,} bytes")
            text = data.decode("utf-8-sig")
        except OSError as error:
            raise KnownValuesError(f"{file}: cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise KnownValuesError(f"{file}: is not text in UTF-8") from error
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise KnownValuesError(
                f'{file}: is not valid TOML, such as imei = "356938035643809": {error}'
            ) from error
        try:
            values = list(_flattened(document))
            if not values:
                raise KnownValuesError('holds no value; expected lines such as imei = "356938035643809"')
            return cls(values)
        except _Misplaced as error:
            raise KnownValuesError(f"{file}{_line(text, error.name)}: {error}") from error
        except KnownValuesError as error:
            raise KnownValuesError(f"{file}: {error}") from error

    def search(self, transmission: Transmission, decoded: Decoded) -> list[Finding]:
        """Where any of the values stands: among the decoded values, and in URL, headers and payloads as sent.
        What was found among the decoded values of a part is not reported once more for the part as sent."""
        found = self.search_values(decoded)
        seen = {(finding.kind, finding.value, _SOURCE.get(finding.path[0], "")) for finding in found}
        pieces = list(_as_sent(transmission))
        for finding in self._search([piece for _, piece in pieces], [path for path, _ in pieces]):
            if (finding.kind, finding.value, _SOURCE.get(finding.path[0], "")) not in seen:
                found.append(finding)
        return found

    def search_values(self, decoded: Decoded) -> list[Finding]:
        """Where any of the values stands among the decoded values."""
        pieces: list[bytes] = []
        paths: list[tuple[str, ...]] = []
        for value in decoded.values:
            piece = _bytes(value)
            if len(piece) >= SHORTEST:
                pieces.append(piece)
                paths.append(value.path)
        found = self._search(pieces, paths)
        # A value that was decoded is also there as it was sent, one step before: that is one place, not two.
        above = {
            (finding.kind, finding.value, finding.path[:length])
            for finding in found
            for length in range(1, len(finding.path))
        }
        return [finding for finding in found if (finding.kind, finding.value, finding.path) not in above]

    def _search(self, pieces: Sequence[bytes], paths: Sequence[tuple[str, ...]]) -> list[Finding]:
        return [self._finding(known, form, paths[piece]) for piece, known, form in self.found(pieces)]

    def found(self, pieces: Sequence[bytes]) -> list[tuple[int, int, Form]]:
        """In which of these pieces which of the values stand, both by number, and in which form: the plainest of those
        in one piece. In order of pieces."""
        whole = _GAP.join(pieces)
        best: dict[tuple[int, int], Form] = {}
        starts: list[int] = []
        for position, hit in self._hits(whole):
            if not starts:
                place = 0
                for piece in pieces:
                    starts.append(place)
                    place += len(piece) + len(_GAP)
            at = (bisect_right(starts, position) - 1, hit.known)
            before = best.get(at)
            if before is None or hit.form.rank < before.rank:
                best[at] = hit.form
            if len(best) >= MOST_FINDINGS:
                break
        return [(piece, known, best[piece, known]) for piece, known in sorted(best)]

    def _hits(self, whole: bytes) -> Iterator[tuple[int, _Hit]]:
        folded = whole.lower()
        for automaton, data in zip(self._automata, (folded, whole), strict=True):
            if not len(automaton):
                continue
            for end, hits in automaton.iter(data.decode("latin-1")):
                for hit in hits:
                    start = end - len(hit.form.pattern) + 1
                    if not hit.form.bounded or _stands_alone(folded, start, end + 1):
                        yield start, hit

    def _finding(self, known: int, form: Form, path: tuple[str, ...]) -> Finding:
        kind, value, label = self._described[known]
        reason = f"{form.encoding} of your {label}" if form.encoding else f"your {label}"
        reason += f", {form.spelling}" if form.spelling else ""
        return Finding(kind, value, "certain", reason, path, label if kind == "known-value" else "")

    def within(self, texts: Iterable[bytes]) -> "KnownValues":
        """The same, to search these texts and no others: without the forms whose beginning is in none of them, which
        are nearly all. That spares most of the automata, which take longer to build than to run."""
        wanted = {_beginning(form) for patterns in self._patterns for form in patterns}
        there: set[int] = set()
        for text in texts:
            view = memoryview(text.lower())
            for start in range(min(BEGINNING, len(view))):
                end = len(view) - (len(view) - start) % BEGINNING
                there |= wanted.intersection(view[start:end].cast("Q"))
        narrowed = object.__new__(KnownValues)  # a copy would write all forms anew
        narrowed.values, narrowed._described = self.values, self._described
        folded, cased = (
            {
                form: holders
                for form, holders in patterns.items()
                if len(form) < BEGINNING or _beginning(form) in there
            }
            for patterns in self._patterns
        )
        narrowed._patterns = folded, cased
        return narrowed

    @cached_property
    def _automata(self) -> tuple[Any, Any]:
        folded, cased = self._patterns
        return _automaton(folded), _automaton(cased)

    def _written(self) -> _Patterns:
        """What is searched in lower case, and what as it is."""
        patterns: _Patterns = ({}, {})
        for index, known in enumerate(self.values):
            for form in forms(known.value):
                holders = patterns[form.cased].setdefault(form.pattern, {})
                before = holders.get(index)
                if before is None or form.rank < before.rank:
                    holders[index] = form
        return patterns


def _beginning(form: bytes) -> int:
    """As a number; 0 if it is shorter."""
    return memoryview(form[:BEGINNING].lower()).cast("Q")[0] if len(form) >= BEGINNING else 0


def _automaton(patterns: Mapping[bytes, Mapping[int, Form]]) -> Any:
    automaton = ahocorasick.Automaton()
    for pattern, holders in patterns.items():
        automaton.add_word(pattern.decode("latin-1"), [_Hit(index, form) for index, form in holders.items()])
    automaton.make_automaton()
    return automaton


def _stands_alone(data: bytes, start: int, end: int) -> bool:
    """Whether the word or number does not go on before or after. Digits go on with digits only, so that
    `id356938035643809` holds the number."""
    word = data[start:end]
    for inside, outside in ((word[:1], data[start - 1 : start]), (word[-1:], data[end : end + 1])):
        if word.isdigit():
            if outside.isdigit():
                return False
        elif inside.isalnum() and outside.isalnum():
            return False
    return True


def _bytes(value: Value) -> bytes:
    data = value.data
    if isinstance(data, str):
        return data.encode("utf-8", "replace")
    return bytes(data) if isinstance(data, (bytes, bytearray)) else str(data).encode()


_SOURCE: Final = {
    "path": "url",
    "query": "url",
    "header": "header",
    "cookie": "header",
    "body": "payload",
    "message": "payload",
    "content": "payload",
}
"""First segment of a path -> the part of a transmission as sent that it is in."""


def _as_sent(transmission: Transmission) -> Iterator[tuple[tuple[str, ...], bytes]]:
    if transmission.path:
        yield ("path",), transmission.path.encode("utf-8", "replace")
    for name, value in transmission.headers:
        if len(value) >= SHORTEST:
            yield ("header", name.lower()), value.encode("utf-8", "replace")
    root = {"http": "body", "websocket": "message"}.get(transmission.protocol, "content")
    for payload in transmission.payloads:
        yield (root,), payload
    for question in transmission.questions:
        yield ("question",), question.encode("utf-8", "replace")


class _Misplaced(KnownValuesError):
    """As KnownValuesError, where the name that it is about is known."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def with_known(known: KnownValues | None, values: Iterable[tuple[str, str]]) -> KnownValues | None:
    """The same, and what a file beside the capture says is the phone's. What is no value that can be searched is left
    out: the user did not write it."""
    found = dict.fromkeys(known.values if known is not None else ())
    for name, value in values:
        if SHORTEST <= len(value) <= LONGEST and len(found) < MOST_VALUES:
            found[Known(name, value)] = None
    return KnownValues(found) if found else None


def _check_length(known: Known) -> None:
    if len(known.value) < SHORTEST:
        raise _Misplaced(
            known.name,
            f"the value of {known.name!r} is too short: one of less than {SHORTEST} characters is found by"
            " chance in traffic that has nothing to do with it",
        )
    if len(known.value) > LONGEST:
        raise _Misplaced(
            known.name,
            f"the value of {known.name!r} is too long: at most {LONGEST} characters are searched",
        )


def _flattened(table: Mapping[str, Any]) -> Iterator[Known]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flattened(value)
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from _flattened(item)
            elif isinstance(item, str) or type(item) is int:
                yield Known(name, str(item).strip())
            else:
                raise _Misplaced(
                    name,
                    f"what {name!r} is given is no text in quotation marks, nor a list of such texts",
                )


def _line(text: str, name: str) -> str:
    """`, line 3` for the line on which a name is given a value; empty if it cannot be told."""
    given = re.compile(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if given.match(line)]
    return f", line {lines[0]}" if len(lines) == 1 else ""


@cache
def _ids() -> dict[str, str]:
    return {compact(id): id for id in kinds()}


def _describe(known: Known) -> tuple[str, str, str]:
    """Kind, value in the kind's normal form, and what it is called."""
    id = _ids().get(compact(known.name))
    if id is None:
        id = next(
            (kind.id for kind, weight in meaning(known.name).kinds if weight in ("exclusive", "plain")), None
        )
    if id is None or id == "known-value":
        return "known-value", known.value, known.name
    kind = kinds()[id]
    check = CHECKS.get(id)
    checked = check(known.value) if check is not None and kind.shape(known.value) else None
    return id, checked.value if checked is not None else known.value, kind.label
