"""Reads TOML files into their shapes, and says what is wrong in them: the one loader of knowledge and policies.

Strategy: the shape of a file is a `File`, whose tables are `Table`s. A whole document is converted at once. Only if
that fails it is gone through table by table, so that each mistake becomes a sentence of its own, and what is right in
the file can be used to look for further mistakes.
"""

import re
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from difflib import SequenceMatcher, get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, Union, cast, get_args, get_origin

import msgspec
from msgspec import Meta

MAX_FILE: Final = 1 << 20
"""Bytes of a file that are read."""
MAX_OFFERED: Final = 8
"""Names that a message lists where none is like the one given."""

Text = Annotated[str, Meta(min_length=1, description="a text that is not empty")]
Texts = tuple[Text, ...]
TextOrTexts = Annotated[Text | Texts, Meta(description="a text or a list of texts, none of them empty")]


class Mistake(NamedTuple):
    """Something that is wrong in a file."""

    file: str
    entry: str
    """`endpoint 'maker-activation'`, `rule number 2`, `[references] x`; empty if the whole file is meant."""
    what: str

    def __str__(self) -> str:
        return ": ".join(filter(None, self))


class KnowledgeError(ValueError):
    """Files of knowledge are wrong. The message is the first mistake, and how many there are besides."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        more = len(mistakes) - 1
        super().__init__(f"{mistakes[0]}{f' (and {more} more)' if more else ''}")
        self.mistakes = tuple(mistakes)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.mistakes,)


_checked_before = False
"""Whether what is read now was kept, and checked when it was."""


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a file."""

    def mistakes(self) -> Iterator[str]:
        """What is wrong though each value by itself is right."""
        yield from ()

    def claims(self) -> Iterator[tuple[object, ...]]:
        """What no other table of its kind can have as well: in words, a sort of claim, and what is compared."""
        for key in _NAMES:
            if name := getattr(self, key, None):
                yield f"{key} {name!r}", "name", name
                return

    def refers(self) -> Iterator[tuple[str, str]]:
        """Names of entries elsewhere, each with what it must be the name of: `kind`, `country`, ..."""
        yield from ()

    def __post_init__(self) -> None:
        if not _checked_before and (found := list(self.mistakes())):
            raise _Wrong(found)


class KnowledgeFile(Table, frozen=True):
    """The whole of a file."""

    NAME: ClassVar[str]
    """Path in the folder of knowledge; with `*`, of several files."""


class _Wrong(ValueError):
    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class _Place(NamedTuple):
    """Where a table stands."""

    file: str
    key: str
    number: int | str
    """From 1; of a `[key.name]` table, the name."""
    table: Table

    def label(self) -> str:
        return label(self.key, self.number, self.table)


class TomlReader:
    """Reads files, and gathers what is wrong in them."""

    def __init__(self, checked: dict[str, Any] | None = None) -> None:
        """`checked`: what stands in files that were read and checked before, as in `documents`. These are not read."""
        self.mistakes: list[Mistake] = []
        self.documents: dict[str, Any] = checked or {}
        """What stands in each file (its folder's name and its own)."""
        self._checked = checked is not None
        self._claimed: dict[tuple[object, ...], _Place] = {}
        self._referred: list[tuple[_Place, str, str]] = []

    def wrong(self, file: str, entry: str, what: str) -> None:
        """Notes a mistake."""
        self.mistakes.append(Mistake(file, entry, what))

    def read[T: KnowledgeFile](self, file: Path, shape: type[T]) -> T | None:
        """What stands in a file. What is right in it is given, though something else is wrong: None if nothing is."""
        name = f"{file.parent.name}/{file.name}"
        if self._checked:
            return _kept(self.documents[name], shape)
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_FILE + 1)
        except OSError as error:
            self.wrong(file.name, "", f"cannot be read: {error.strerror or error}")
            return None
        return self.parse(data, file.name, shape, name)

    def parse[T: KnowledgeFile](self, data: bytes, name: str, shape: type[T], key: str = "") -> T | None:
        """The same for the content of a file that is called `name`, and noted as `key`."""
        import tomllib  # not needed where all is kept

        wrong = partial(self.wrong, name, "")
        if len(data) > MAX_FILE:
            return wrong(f"longer than {MAX_FILE:,} bytes")
        try:
            document = tomllib.loads(data.decode("utf-8-sig"))  # some editors begin a file with a mark
        except UnicodeDecodeError:
            return wrong("not a text in UTF-8")
        except tomllib.TOMLDecodeError as error:
            return wrong(f"not valid TOML: {error}")
        except RecursionError:
            return wrong("nested too deep")
        self.documents[key or name] = document
        try:
            content: T | None = _convert(document, shape)
        except msgspec.ValidationError:
            content = cast("T | None", _Search(name, self.mistakes).file(shape, document))
        for key in _keys(shape) if content is not None else ():
            value = getattr(content, key)
            named = value.items() if isinstance(value, dict) else enumerate(many(value), 1)
            for number, table in named:
                if isinstance(table, Table):
                    self._note(_Place(name, key, number, table))
        return content

    def _note(self, place: "_Place") -> None:
        table = place.table
        for words, *claim in table.claims():
            other = self._claimed.setdefault((type(table), *claim), place)
            if other is not place:
                where = f"[[{other.key}]] number {other.number} of {other.file}"
                self.wrong(place.file, place.label(), f"{words} is in {where} already")
        self._referred += [(place, *reference) for reference in table.refers()]

    def check(self, names: Mapping[str, Collection[str]]) -> None:
        """Notes what tables that were read refer to, and is not among the names of that sort. Raises KnowledgeError if
        there are mistakes."""
        for place, sort, name in self._referred:  # none of what was checked before
            if name not in names[sort]:
                what = f"there is no {sort} {name!r}{meant(name, names[sort])}"
                self.wrong(place.file, place.label(), what)
        self.stop()

    def stop(self) -> None:
        """Raises KnowledgeError if there are mistakes."""
        if self.mistakes:
            raise KnowledgeError(self.mistakes)


def many[T](value: T | tuple[T, ...]) -> tuple[T, ...]:
    """One, or several, as several."""
    return value if isinstance(value, tuple) else (value,)


def label(key: str, number: int | str, table: object) -> str:
    """What to call a table, read or not, in a message: `[[key]]` tables have a number, `[key.name]` tables a name."""
    if isinstance(number, str):
        return f"[{key}] {number}"
    get = table.get if isinstance(table, dict) else partial(getattr, table)
    name = next((name for its in _NAMES if isinstance(name := get(its, None), str) and name), "")
    return f"{key} {name!r}" if name else f"{key} number {number}"


_NAMES: Final = ("id", "code", "name")
"""Keys that tables are called by."""


def close(given: str, known: Collection[str]) -> str:
    """The names most like a wrong one, as the end of a message; empty if none is like it."""
    lower = {name.lower(): name for name in sorted(known)}
    near = get_close_matches(given.lower(), lower, MAX_OFFERED, 0.6)
    likeness = [SequenceMatcher(None, name, given.lower()).ratio() for name in near]
    best = [repr(lower[name]) for name, ratio in zip(near, likeness, strict=True) if ratio == likeness[0]]
    return f": did you mean {' or '.join(sorted(best))}?" if best else ""


def meant(given: str, known: Collection[str]) -> str:
    """What was meant by a wrong name; if nothing is like it, what there is, as far as that is few."""
    few = f"; there is {', '.join(sorted(known)) or 'none'}" if len(known) <= MAX_OFFERED else ""
    return close(given, known) or few


def _special(shape: Any, value: Any) -> Any:
    """Values that msgspec has no type for."""
    if get_origin(shape) is re.Pattern and isinstance(value, str):
        try:
            return re.compile(value, re.ASCII)
        except re.error as error:
            raise _Wrong([f"{value!r} is not a pattern: {error}"]) from error
    raise TypeError


def _convert[T](value: Any, shape: type[T]) -> T:
    return msgspec.convert(value, shape, dec_hook=_special)


def _kept[T](value: Any, shape: type[T]) -> T:
    """The same of what was checked before."""
    global _checked_before
    _checked_before = True
    try:
        return _convert(value, shape)
    finally:
        _checked_before = False


class _Search:
    """Goes through a document that is not of its shape, and notes what is wrong."""

    def __init__(self, name: str, mistakes: list[Mistake]) -> None:
        self._name, self._mistakes = name, mistakes

    def file(self, shape: type[KnowledgeFile], document: dict[str, Any]) -> KnowledgeFile | None:
        """The file, without those of its tables that are wrong."""
        good: dict[str, Any] = {}
        fields = self._fields(shape, document, "", "")
        for key, field in fields.items():
            value, inner, kind = document[key], _inner(field.type), get_origin(field.type)
            if inner is None:
                good[key] = self._value(field.type, value, "", repr(key))
            elif kind is tuple and isinstance(value, list):
                items = [
                    self.table(inner, item, label(key, number, item)) for number, item in enumerate(value, 1)
                ]
                good[key] = tuple(item for item in items if item is not None)
            elif kind is dict and isinstance(value, dict):
                tables = {
                    name: self.table(inner, item, label(key, name, item)) for name, item in value.items()
                }
                good[key] = {name: item for name, item in tables.items() if item is not None}
            elif kind in (tuple, dict):
                such = (
                    f"tables, each under [[{key}]]" if kind is tuple else f"tables, each under [{key}.NAME]"
                )
                self._wrong("", f"{key!r} must be {such}")
            else:
                good[key] = self.table(inner, value, f"[{key}]")
        missing = [key for key, field in _keys(shape).items() if field.required and good.get(key) is None]
        try:
            return None if missing else shape(**good)
        except _Wrong as error:
            if (
                not self._mistakes
            ):  # of what is left of a wrong file nobody needs to know what is wrong besides
                for what in error.mistakes:
                    self._wrong("", what)
            return None

    def table(self, shape: type[Table], value: Any, entry: str, key: str = "") -> Table | None:
        """The table; None if something is wrong in it."""
        before = len(self._mistakes)
        if not isinstance(value, dict):
            self._wrong(entry, f"{key or 'it'} must be a table{_example(shape)}")
            return None
        for name, field in self._fields(shape, value, entry, key).items():
            self._value(field.type, value[name], entry, f"{key} > {name!r}" if key else repr(name))
        if len(self._mistakes) > before:
            return None
        try:
            return _convert(value, shape)
        except msgspec.ValidationError as error:
            for what in error.__cause__.mistakes if isinstance(error.__cause__, _Wrong) else [str(error)]:
                self._wrong(entry, f"{key}: {what}" if key else what)
        return None

    def _fields(
        self, shape: type[Table], value: dict[str, Any], entry: str, key: str
    ) -> dict[str, msgspec.structs.FieldInfo]:
        """The keys that are there and known; notes the others, and those that are missing."""
        known = _keys(shape)
        within = f"{key}: " if key else ""
        for name in value.keys() - known.keys():
            told = close(name, known) or f"; known are {', '.join(sorted(known))}"
            self._wrong(entry, f"{within}unknown key {name!r}{told}")
        for name, field in known.items():
            if field.required and name not in value:
                self._wrong(entry, f"{within}{name!r} is missing: it must be {_plainly(field.type)}")
        return {name: field for name, field in known.items() if name in value}

    def _value(self, shape: Any, value: Any, entry: str, key: str) -> Any:
        """The value of a key. Notes what is wrong with it."""
        inner = _inner(shape)
        if inner is not None and isinstance(value, dict) and get_origin(shape) is not dict:
            return self.table(inner, value, entry, key)
        if inner is not None and isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for number, item in enumerate(value, 1):
                self._value(shape, item, entry, f"{key} number {number}")
            return None
        try:
            return _convert(value, shape)
        except msgspec.ValidationError as error:
            if isinstance(error.__cause__, _Wrong):
                self._wrong(entry, f"{key}: {error.__cause__}")
            else:
                known = _choices(shape)
                given = [
                    item for item in (value if isinstance(value, list) else [value]) if item not in known
                ]
                guess = close(given[0], known) if given and isinstance(given[0], str) else ""
                self._wrong(entry, f"{key} must be {_plainly(shape)}{guess}")
        return None

    def _wrong(self, entry: str, what: str) -> None:
        self._mistakes.append(Mistake(self._name, entry, what))


def _keys(shape: type[Table]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(shape)}


def _parts(shape: Any) -> Iterator[Any]:
    """A type and all that it is made of."""
    yield shape
    for part in get_args(shape) if get_origin(shape) not in (Literal, re.Pattern) else ():
        yield from _parts(part)


def _inner(shape: Any) -> type[Table] | None:
    """The shape of the tables that a value of this type is, or holds."""
    return next((part for part in _parts(shape) if isinstance(part, type) and issubclass(part, Table)), None)


def _choices(shape: Any) -> list[str]:
    return [str(choice) for part in _parts(shape) if get_origin(part) is Literal for choice in get_args(part)]


def _example(shape: type[Table]) -> str:
    return f", such as {{ {', '.join(f'{key} = ...' for key, field in _keys(shape).items() if field.required)} }}"


_PLAIN: Final = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    date: "a date without quotes, such as 2019-06-18",
}


def _plainly(shape: Any) -> str:
    """What a value of this type is, in words."""
    if shape in _PLAIN:
        return _PLAIN[shape]
    if isinstance(shape, type) and issubclass(shape, Table):
        return f"a table{_example(shape)}"
    origin, parts = get_origin(shape), get_args(shape)
    if origin is Annotated:
        described = next(
            (part.description for part in parts if isinstance(part, Meta) and part.description), ""
        )
        return described or _plainly(parts[0])
    if origin in (Union, types.UnionType):
        one = [part for part in parts if part is not types.NoneType and get_origin(part) is not tuple]
        lists = [part for part in parts if get_origin(part) is tuple]
        if not one:
            return _plainly(lists[0])
        several = ", or a list of these" if lists else ""
        return " or ".join(dict.fromkeys(map(_plainly, one))) + several
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}"
    if origin is re.Pattern:
        return "a pattern (regular expression)"
    if origin is dict:
        return f"a table, in which each value is {_plainly(parts[1])}"
    return f"a list, in which each is {_plainly(parts[0])}"
