"""What is known of endpoints: who runs them, what for, how they say "accepted", which values they are sent.

Knowledge is data: the TOML files of this folder, of which each entry names the reference that it rests on
(`docs/catalogue.md` says how to write one). This module reads and checks them, once, when they are first
asked for, and finds the entry for a transmission. It knows no host, no key and no maker.

Strategy: the hosts of all entries go into a dictionary, wildcards under their parent domain. The entries that
could match a host, most specific first, are worked out when that host is first seen and then remembered, so
that a lookup costs a dictionary access and the checks of a few conditions.

Which entry wins, if several match (the first difference decides):

1. an exact host, before an entry without hosts that names the `keys` of its payload, before a wildcard host
   (`*.a.example.com` before `*.example.com`), before an entry with neither;
2. a `path`: the one with more literal characters;
3. more `keys`;
4. more of the other conditions (method, content type, port, protocol);
5. the `id`, in alphabetical order.
"""

import re
import tomllib
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from phonehome.analysis.transmission import Protocol, Transmission

MAX_PATH: Final = 2048
"""Characters of a path that are compared with a pattern; a longer path is cut there."""
MAX_REMEMBERED_HOSTS: Final = 8192

COMPRESSIONS: Final = frozenset({"gzip", "deflate", "zlib", "br", "zstd"})
"""Path segments that a field's declaration leaves out: one SDK compresses one request and not the next."""

POSITION: Final = re.compile(r"\[(0|[1-9][0-9]{0,2})\]").fullmatch
"""A path segment that is a position in a list."""

_PROTOCOLS: Final = frozenset(get_args(Protocol))
_ALL_BUT_DNS: Final = _PROTOCOLS - {"dns"}
"""An entry says what a host is sent; a question for its address goes to somebody else."""
_SOURCES: Final = frozenset({"path", "query", "header", "cookie", "body", "message", "content"})
_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]++(?:\.[a-z0-9_-]++)*+\Z")
_VENDOR_TYPE = re.compile(r"application/vnd\.[a-z0-9]")
_ID = re.compile(r"[a-z0-9]++(?:-[a-z0-9]++)*+\Z")


class CatalogueError(ValueError):
    """A catalogue file is wrong. The message names file and entry, and says what was meant to be there."""


class Reference(NamedTuple):
    """What a statement rests on."""

    title: str
    where: str
    """URL, DOI, or repository and path."""
    section: str = ""


class Purpose(NamedTuple):
    """What a transmission is for."""

    id: str
    label: str
    phrase: str
    """As a sentence has it: "sent *activation data* to"."""
    rank: int
    """Order of concern, 1 is worst."""
    description: str


class Kind(NamedTuple):
    """A kind of identifier."""

    id: str
    label: str
    """As a sentence has it: `IMEI`, `cell id`."""
    category: str
    """`hardware`, `sim`, `network`, `location`, `advertising`, `software` or `account`."""
    singles_out: bool
    """Whether it tells one device or person from another; a mobile operator's name does not."""


class Field(NamedTuple):
    """A value that an endpoint is known to be sent."""

    path: tuple[str, ...]
    """As in `decoding.Value.path`; `*` stands for any one segment."""
    kind: str
    """Kind of identifier, as in `identifiers.toml`."""
    reason: str


class Acknowledgement(NamedTuple):
    """How an answer says that what was sent has been accepted. All that is given must hold."""

    status: frozenset[int] = frozenset()
    """Empty: any that is no error (below 400)."""
    json: tuple[str, ...] = ()
    """Keys that lead to the value."""
    protobuf: int = 0
    """Number of a varint field of the outermost message; 0 is none."""
    equals: tuple[str | int | bool, ...] = ()
    """What the JSON or protobuf value may be."""
    begins: bytes = b""
    """What the body begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A known endpoint. Conditions that are empty or None are not asked for."""

    id: str
    owner: str
    purpose: str
    references: tuple[Reference, ...]
    hosts: tuple[str, ...] = ()
    path: str = ""
    method: str = ""
    content_type: str = ""
    ports: frozenset[int] = frozenset()
    protocols: frozenset[str] = _ALL_BUT_DNS
    keys: frozenset[str] = frozenset()
    acknowledged: Acknowledgement | None = None
    note: str = ""
    examples: tuple[str, ...] = ()
    """URLs that this entry, and no other, is meant to match; the tests hold it to them."""
    fields: tuple[Field, ...] = ()
    reason: str = field(default="", compare=False)
    """Why a transmission that matched is held to be this one: names the entry and what matched."""
    _path: re.Pattern[str] | None = field(default=None, compare=False, repr=False)

    def matches(self, transmission: Transmission, keys: Container[str]) -> bool:
        """Whether all conditions but the host hold. `keys` are the names that decoding found in it."""
        if transmission.protocol not in self.protocols:
            return False
        if self.ports and transmission.port not in self.ports:
            return False
        if self.method and transmission.method != self.method:
            return False
        if self._path is not None and not self._path.match(transmission.path[:MAX_PATH].partition("?")[0]):
            return False
        for key in self.keys:
            if key not in keys:
                return False
        return not self.content_type or media_type(transmission) == self.content_type


def without_compression(path: tuple[str, ...]) -> tuple[str, ...]:
    """A path as a field declares it."""
    if COMPRESSIONS.isdisjoint(path):
        return path
    return tuple([segment for segment in path if segment not in COMPRESSIONS])


def fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether a path is of a pattern, in which `*` stands for any one segment."""
    return len(pattern) == len(path) and all(
        want in ("*", have) for want, have in zip(pattern, path, strict=True)
    )


def media_type(transmission: Transmission) -> str:
    """Content type of what was sent, lower case, without parameters; empty if it was not said."""
    return transmission.header("content-type").partition(";")[0].strip().lower()


class Catalogue:
    """All entries, indexed by host."""

    def __init__(
        self, purposes: Iterable[Purpose], kinds: Iterable[Kind], endpoints: Iterable[Endpoint]
    ) -> None:
        self.purposes: dict[str, Purpose] = {purpose.id: purpose for purpose in purposes}
        self.kinds: dict[str, Kind] = {kind.id: kind for kind in kinds}
        self.endpoints: dict[str, Endpoint] = {endpoint.id: endpoint for endpoint in endpoints}
        self._exact: dict[str, list[Endpoint]] = {}
        self._below: dict[str, list[Endpoint]] = {}
        self._hostless: list[Endpoint] = []
        self._remembered: dict[str | None, tuple[Endpoint, ...]] = {}
        for endpoint in self.endpoints.values():
            if not endpoint.hosts:
                self._hostless.append(endpoint)
            for host in endpoint.hosts:
                if host.startswith("*."):
                    self._below.setdefault(host[2:], []).append(endpoint)
                else:
                    self._exact.setdefault(host, []).append(endpoint)

    def candidates(self, host: str | None) -> tuple[Endpoint, ...]:
        """Entries that can match a destination of this name (lower case), most specific first."""
        known = self._remembered.get(host)
        if known is None:
            if len(self._remembered) >= MAX_REMEMBERED_HOSTS:
                self._remembered.clear()
            known = self._remembered[host] = self._work_out(host)
        return known

    def find(self, transmission: Transmission, keys: Container[str]) -> Endpoint | None:
        """The entry for this transmission, or None. `keys` are the names that decoding found in it."""
        if transmission.authority is not None:
            # One connection can serve several names: what was asked for is the one that the request names.
            for endpoint in self.candidates(transmission.authority):
                if endpoint.hosts and endpoint.matches(transmission, keys):
                    return endpoint
        for endpoint in self.candidates(transmission.host):
            if endpoint.matches(transmission, keys):
                return endpoint
        return None

    def declared_positions(self) -> frozenset[tuple[tuple[str, ...], int]]:
        """Paths of lists of which fields are declared by their position, each with one more than the last of these."""
        return frozenset(
            (field.path[:place], int(match[1]) + 1)
            for endpoint in self.endpoints.values()
            for field in endpoint.fields
            for place, segment in enumerate(field.path)
            if (match := POSITION(segment))
        )

    def _work_out(self, host: str | None) -> tuple[Endpoint, ...]:
        ranked: dict[str, tuple[tuple[int, ...], str]] = {}
        for endpoint in self._hostless:
            ranked[endpoint.id] = (_specificity(endpoint, 2 if endpoint.keys else 0, 0), endpoint.id)
        if host is not None:
            host = host[:255]
            parent = host
            while parent := parent.partition(".")[2]:
                for endpoint in self._below.get(parent, ()):
                    rank = (_specificity(endpoint, 1, parent.count(".")), endpoint.id)
                    ranked[endpoint.id] = min(rank, ranked.get(endpoint.id, rank))
            for endpoint in self._exact.get(host, ()):
                ranked[endpoint.id] = (_specificity(endpoint, 3, 0), endpoint.id)
        return tuple([self.endpoints[id] for _, id in sorted(ranked.values())])


def _specificity(endpoint: Endpoint, host_rank: int, labels: int) -> tuple[int, ...]:
    others = sum(
        (
            bool(endpoint.method),
            bool(endpoint.content_type),
            bool(endpoint.ports),
            endpoint.protocols != _ALL_BUT_DNS,
        )
    )
    literal = len(endpoint.path.replace("*", ""))
    return (-host_rank, -labels, -literal, -len(endpoint.keys), -others)


def catalogue() -> Catalogue:
    """The catalogue that comes with the program, read at the first call.

    Raises CatalogueError if one of its files is wrong."""
    from phonehome.analysis.knowledge import shipped

    return shipped().catalogue


def load(folder: Path) -> Catalogue:
    """The catalogue in a folder: `purposes.toml`, `identifiers.toml` (of which only the kinds are read
    here) and `endpoints/*.toml`.

    Raises CatalogueError, which names the file, the entry and what was meant to be there."""
    purposes = _purposes(folder / "purposes.toml")
    names = frozenset(purpose.id for purpose in purposes)
    kinds = _kinds(folder / "identifiers.toml")
    kind_names = frozenset(kind.id for kind in kinds)
    endpoints: dict[str, Endpoint] = {}
    places: dict[str, str] = {}
    for file in sorted((folder / "endpoints").glob("*.toml")):
        document = _document(file)
        shared = _shared_references(file.name, document)
        payloads = _shared_payloads(file.name, document, kind_names)
        for number, table in enumerate(_tables(file.name, document, "endpoint"), 1):
            entry = _Entry(file.name, number, table)
            endpoint = _endpoint(entry, names, kind_names, shared, payloads)
            if endpoint.id in endpoints:
                raise entry.wrong(f"an id is used once, but {places[endpoint.id]} has one of that id too")
            endpoints[endpoint.id] = endpoint
            places[endpoint.id] = file.name
    return Catalogue(purposes, kinds, endpoints.values())


class _Entry:
    """One table of a file: hands out its values with their types checked, and knows how to complain."""

    def __init__(self, file: str, number: int, table: Mapping[str, Any]) -> None:
        self.file, self.number, self.table = file, number, table

    def wrong(self, meant: str) -> CatalogueError:
        id = self.table.get("id")
        name = f"entry {id!r}" if isinstance(id, str) else f"entry number {self.number}"
        return CatalogueError(f"{self.file}: {name}: {meant}")

    def only(self, known: Collection[str]) -> None:
        for key in self.table:
            if key not in known:
                raise self.wrong(f"unknown key {key!r}; known are {', '.join(sorted(known))}")

    def text(self, key: str, *, required: bool = False) -> str:
        value = self.table.get(key, "")
        if not isinstance(value, str) or (required and not value.strip()):
            raise self.wrong(f"{key!r} must be {'a text that is not empty' if required else 'a text'}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.table.get(key, [])
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(f"{key!r} must be a text or a list of texts, none of them empty")
        return tuple(value)

    def numbers(self, key: str, highest: int) -> frozenset[int]:
        value = self.table.get(key, [])
        value = value if isinstance(value, list) else [value]
        if not all(type(item) is int and 1 <= item <= highest for item in value):
            raise self.wrong(f"{key!r} must be a number from 1 to {highest}, or a list of them")
        return frozenset(value)

    def inner(self, key: str) -> list["_Entry"]:
        value = self.table.get(key, [])
        value = value if isinstance(value, list) else [value]
        if not all(isinstance(item, dict) for item in value):
            raise self.wrong(f"{key!r} must be a table, such as {{ ... }}, or a list of tables")
        return [_Entry(self.file, self.number, {"id": self.table.get("id"), **item}) for item in value]


_ENDPOINT_KEYS: Final = frozenset(
    {
        *("id", "owner", "purpose", "note", "reference", "example"),
        *("hosts", "path", "method", "content_type", "port", "protocol", "keys"),
        *("acknowledged", "fields"),
    }
)


def _endpoint(
    entry: _Entry,
    purposes: Collection[str],
    kinds: Collection[str],
    shared: Mapping[str, Reference],
    payloads: Mapping[str, tuple[Field, ...]],
) -> Endpoint:
    entry.only(_ENDPOINT_KEYS)
    id = entry.text("id", required=True)
    if not _ID.match(id):
        raise entry.wrong("an id is lower-case letters and digits, in words with - between")
    purpose = entry.text("purpose", required=True)
    if purpose not in purposes:
        raise entry.wrong(f"no purpose {purpose!r}; purposes.toml has {', '.join(sorted(purposes))}")
    hosts = entry.texts("hosts")
    for host in hosts:
        if not _HOST.match(host):
            raise entry.wrong(
                f"host {host!r} must be a name in lower case, or *. before one to mean all names below it"
            )
    protocols = frozenset(entry.texts("protocol"))
    if protocols - _PROTOCOLS:
        raise entry.wrong(f"'protocol' must be of {', '.join(sorted(_PROTOCOLS))}")
    path = entry.text("path")
    ports = entry.numbers("port", 65535)
    keys = frozenset(entry.texts("keys"))
    content_type = entry.text("content_type").lower()
    specific = (
        len(keys) > 1 or (ports and protocols) or protocols == {"dns"} or _VENDOR_TYPE.match(content_type)
    )
    if not hosts and not specific:
        raise entry.wrong(
            "without 'hosts' it takes two 'keys', or 'port' and 'protocol', or protocol dns alone, or a content"
            " type that is registered for one protocol (application/vnd...)"
        )
    fields = _fields(entry, kinds, payloads)
    conditions = [
        ("host", hosts),
        ("path", path),
        ("names in the payload", keys),
        ("content type", content_type),
        ("port", ports),
        ("protocol", protocols),
    ]
    matched = ", ".join(name for name, condition in conditions if condition)
    owner = entry.text("owner", required=True)
    return Endpoint(
        id=id,
        owner=owner,
        purpose=purpose,
        references=_references(entry, shared),
        hosts=hosts,
        path=path,
        method=entry.text("method").upper(),
        content_type=content_type,
        ports=ports,
        protocols=protocols or _ALL_BUT_DNS,
        keys=keys,
        acknowledged=_acknowledgement(entry),
        note=entry.text("note"),
        examples=entry.texts("example"),
        fields=fields,
        reason=f"known endpoint {id} of {owner} (by {matched})",
        _path=_pattern(entry, path),
    )


def _pattern(entry: _Entry, path: str) -> re.Pattern[str] | None:
    """`*` is any run of characters within one segment, `**` at the end is everything below.

    Each `*` but the last is an atomic group that takes the leftmost fit, as in `fnmatch.translate`: time is
    linear in the path, whatever a hostile one looks like."""
    if not path:
        return None
    if not path.startswith("/") or "?" in path:
        raise entry.wrong(f"path {path!r} must begin with / and has no query")
    below = path.endswith("**")
    body = path[:-2] if below else path
    if "**" in body:
        raise entry.wrong(f"path {path!r}: ** stands at the end only; * is for one segment")
    first, *rest = [re.escape(piece) for piece in body.split("*")]
    tail = ".*" if below else ""
    if rest:
        *middle, last = rest
        first += "".join(f"(?>[^/]*?{piece})" for piece in middle)
        first += f"(?>[^/]*?{last})" if below else f"[^/]*{last}"
    return re.compile(first + tail + r"\Z", re.DOTALL)


def _references(entry: _Entry, shared: Mapping[str, Reference]) -> tuple[Reference, ...]:
    value = entry.table.get("reference", [])
    found = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            name, _, section = item.partition(" > ")
            if name not in shared:
                raise entry.wrong(f"reference {name!r} is not among the [references] of this file")
            found.append(shared[name]._replace(section=section) if section else shared[name])
        elif isinstance(item, dict):
            found.append(_reference(_Entry(entry.file, entry.number, {"id": entry.table.get("id"), **item})))
        else:
            raise entry.wrong(
                "'reference' must be { title = ..., where = ... }, a name of [references], or a list"
            )
    if not found:
        raise entry.wrong("'reference' is missing: an entry says what it rests on")
    return tuple(found)


def _reference(entry: _Entry) -> Reference:
    entry.only({"id", "title", "where", "section"})
    reference = Reference(
        entry.text("title", required=True), entry.text("where", required=True), entry.text("section")
    )
    if len(reference.title.split()) < 2 or len(reference.where) < 8:
        raise entry.wrong("a reference has a title that says what it is, and where: URL, DOI, or repository")
    return reference


def _shared_references(file: str, document: Mapping[str, Any]) -> dict[str, Reference]:
    tables = document.get("references", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise CatalogueError(f"{file}: [references] must be tables such as name = {{ title, where }}")
    return {
        name: _reference(_Entry(file, 0, {"id": f"[references] {name}", **table}))
        for name, table in tables.items()
    }


def _acknowledgement(entry: _Entry) -> Acknowledgement | None:
    if "acknowledged" not in entry.table:
        return None
    [inner] = entry.inner("acknowledged")[:1] or [_Entry(entry.file, entry.number, {})]
    inner.only({"id", "status", "json", "protobuf", "equals", "begins"})
    equals = inner.table.get("equals", [])
    json = inner.text("json")
    protobuf = inner.numbers("protobuf", 2**29 - 1)
    rule = Acknowledgement(
        status=inner.numbers("status", 999),
        json=tuple(json.split(".")) if json else (),
        protobuf=next(iter(protobuf), 0),
        equals=tuple(equals) if isinstance(equals, list) else (equals,),
        begins=inner.text("begins").encode(),
    )
    if not all(isinstance(value, str | int) for value in rule.equals):
        raise entry.wrong("'equals' must be a list of texts, whole numbers, or true and false")
    if bool(rule.json or rule.protobuf) != bool(rule.equals) or (rule.json and rule.protobuf):
        raise entry.wrong("'acknowledged' has 'equals' with 'json' or with 'protobuf', and else not")
    if not (rule.status or rule.equals or rule.begins):
        raise entry.wrong("'acknowledged' says how: status, json and equals, protobuf and equals, or begins")
    return rule


def _shared_payloads(
    file: str, document: Mapping[str, Any], kinds: Collection[str]
) -> dict[str, tuple[Field, ...]]:
    """Payloads that several entries are sent, each in several dresses: the fields of all dresses."""
    tables = document.get("payloads", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise CatalogueError(f"{file}: [payloads] must be tables such as name = {{ at, fields }}")
    payloads = {}
    for name, table in tables.items():
        payload = _Entry(file, 0, {"id": f"[payloads] {name}", **table})
        payload.only({"id", "at", "fields"})
        payloads[name] = tuple(
            _field(
                _Entry(file, 0, {**inner.table, "path": f"{at} > {inner.text('path', required=True)}"}), kinds
            )
            for at in payload.texts("at")
            for inner in payload.inner("fields")
        )
        if not payloads[name]:
            raise payload.wrong("'at' names where it stands, and 'fields' what it holds; both are needed")
    return payloads


def _fields(
    entry: _Entry, kinds: Collection[str], payloads: Mapping[str, tuple[Field, ...]]
) -> tuple[Field, ...]:
    value = entry.table.get("fields", [])
    fields: dict[tuple[str, ...], Field] = {}
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            if item not in payloads:
                raise entry.wrong(f"payload {item!r} is not among the [payloads] of this file")
            fields |= {field.path: field for field in payloads[item]}
        elif isinstance(item, dict):
            field = _field(_Entry(entry.file, entry.number, {"id": entry.table.get("id"), **item}), kinds)
            fields[field.path] = field
        else:
            raise entry.wrong(
                "'fields' must be { path = ..., kind = ..., reason = ... }, a name of [payloads], or a list"
            )
    return tuple(fields.values())


def _field(entry: _Entry, kinds: Collection[str]) -> Field:
    entry.only({"id", "path", "kind", "reason"})
    written = entry.text("path", required=True)
    path = tuple(segment.strip() for segment in written.split(" > "))
    if len(path) < 2 or path[0] not in _SOURCES or not all(path):
        raise entry.wrong(
            f"field path {written!r} must be segments with ' > ' between, of which the first is one of "
            + ", ".join(sorted(_SOURCES))
        )
    for segment in path:
        if segment.startswith("[") and not POSITION(segment):
            raise entry.wrong(f"field path {written!r}: a position in a list is [0] to [999]")
    kind = entry.text("kind", required=True)
    if kind not in kinds:
        raise entry.wrong(f"no kind {kind!r}; identifiers.toml has {', '.join(sorted(kinds))}")
    return Field(
        without_compression(path),
        kind,
        entry.text("reason", required=True),
    )


def _purposes(file: Path) -> list[Purpose]:
    purposes: list[Purpose] = []
    for number, table in enumerate(_tables(file.name, _document(file), "purpose"), 1):
        entry = _Entry(file.name, number, table)
        entry.only(Purpose._fields)
        rank = table.get("rank")
        if type(rank) is not int or rank < 1:
            raise entry.wrong("'rank' must be a whole number from 1, the worst")
        id, label, phrase, description = (
            entry.text(key, required=True) for key in ("id", "label", "phrase", "description")
        )
        if any(purpose.id == id for purpose in purposes):
            raise entry.wrong("an id is used once")
        purposes.append(Purpose(id, label, phrase, rank, description))
    return purposes


def _kinds(file: Path) -> list[Kind]:
    """Kinds of identifiers; the rest of that file is read by `phonehome.analysis.identifiers`."""
    return [
        Kind(
            entry.text("id", required=True),
            entry.text("label", required=True),
            entry.text("category", required=True),
            entry.text("mask", required=True) != "none",
        )
        for number, table in enumerate(_document(file).get("kind", ()), 1)
        for entry in (_Entry(file.name, number, table),)
    ]


def _document(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file.name}: not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{file.name}: cannot be read: {error}") from error


def _tables(file: str, document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    unknown = set(document) - {name, "references", "payloads"}
    tables = document.get(name)
    if unknown or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise CatalogueError(
            f"{file}: must hold [[{name}]] tables, and nothing else but [references] and [payloads]"
        )
    return tables
