"""What is known of endpoints: who runs them, what for, how they say "accepted", which values they are sent.

Knowledge is data: the TOML files of this folder, of which each entry names the reference that it rests on
(`docs/catalogue.md` says how to write one). This module finds the entry for a transmission. It knows no host, no key
and no maker.

Strategy: the hosts of all entries go into dictionaries, wildcards under their parent domain. The entries that
could match a host, most specific first, are worked out when that host is first seen and then remembered, so
that a lookup costs a dictionary access and the checks of a few conditions.

Which entry wins, if several match (the first difference decides):

1. an exact host, before an entry without hosts that names the `keys` of its payload, before a wildcard host
   (`*.a.example.com` before `*-log.example.com` before `*.example.com`), before an entry with neither;
2. the user's own entry, before one that comes with the program;
3. a `path`: the one with more literal characters;
4. more `keys`;
5. more of the other conditions (method, content type, port, protocol);
6. the `id`, in alphabetical order.
"""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Final, NamedTuple, get_args

from phonehome.analysis.knowledge.identifiers import Kind
from phonehome.analysis.knowledge.reading import TomlReader, label, many, meant
from phonehome.analysis.knowledge.schema import (
    COMPRESSIONS,
    POSITION,
    AcknowledgedTable,
    Endpoints,
    EndpointTable,
    FieldTable,
    Purpose,
    Reference,
    named_references,
)
from phonehome.analysis.knowledge.suffixes import registrable
from phonehome.analysis.transmission import Protocol, Transmission

MAX_PATH: Final = 2048
"""Characters of a path that are compared with a pattern; a longer path is cut there."""
MAX_REMEMBERED_HOSTS: Final = 8192
_WORDS: Final = re.compile(r"(?<![a-z0-9])[a-z]{2,}(?=[0-9]*(?:[.-]|\Z))").finditer

_PROTOCOLS: Final = frozenset(get_args(Protocol))
_ALL_BUT_DNS: Final = _PROTOCOLS - {"dns"}
"""An entry says what a host is sent; a question for its address goes to somebody else."""
_PLACES: Final = ("path", "query", "header", "cookie", "body", "message", "content")
"""Where in a transmission a field can stand."""


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
    own: str = ""
    """The user's own file that it is from; empty: it comes with the program."""
    reason: str = field(default="", compare=False)
    """Why a transmission that matched is held to be this one: names the entry and what matched."""

    def matches(self, transmission: Transmission, keys: Container[str]) -> bool:
        """Whether all conditions but the host hold. `keys` are the names that decoding found in it."""
        if transmission.protocol not in self.protocols and not transmission.unresolved:
            return False
        if self.ports and transmission.port not in self.ports:
            return False
        if self.method and transmission.method != self.method:
            return False
        if self.path and not _pattern(self.path).match(transmission.path[:MAX_PATH].partition("?")[0]):
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
        self, purposes: Mapping[str, Purpose], kinds: Mapping[str, Kind], endpoints: Iterable[Endpoint]
    ) -> None:
        self.purposes = purposes
        self.kinds = kinds
        self.endpoints: dict[str, Endpoint] = {endpoint.id: endpoint for endpoint in endpoints}
        self._exact: dict[str, list[Endpoint]] = {}
        self._below: dict[str, list[Endpoint]] = {}
        self._beside: dict[str, list[tuple[str, str, Endpoint]]] = {}
        self._hostless: list[Endpoint] = []
        self._remembered: dict[str | None, tuple[Endpoint, ...]] = {}
        self._host_words = {word: purpose.id for purpose in purposes.values() for word in purpose.host_words}
        self._by_name: dict[str, tuple[str, str] | None] = {}
        for endpoint in self.endpoints.values():
            if not endpoint.hosts:
                self._hostless.append(endpoint)
            for host in endpoint.hosts:
                label, star, rest = host.partition("*")
                if not star:
                    self._exact.setdefault(host, []).append(endpoint)
                elif host.startswith("*."):
                    self._below.setdefault(host[2:], []).append(endpoint)
                else:
                    tail, _, parent = rest.partition(".")
                    self._beside.setdefault(parent, []).append((label, tail, endpoint))

    def candidates(self, host: str | None) -> tuple[Endpoint, ...]:
        """Entries that can match a destination of this name (lower case), most specific first."""
        known = self._remembered.get(host)
        if known is None:
            if len(self._remembered) >= MAX_REMEMBERED_HOSTS:
                self._remembered.clear()
            known = self._remembered[host] = self._work_out(host)
        return known

    def by_name(self, host: str) -> tuple[str, str] | None:
        """The purpose that the name of a host (lower case) looks like, and the word for it; None if none does. Words
        are looked for before the domain that is registered, since companies are called anything."""
        if host not in self._by_name:
            if len(self._by_name) >= MAX_REMEMBERED_HOSTS:
                self._by_name.clear()
            words = [match for match in _WORDS(host) if match[0] in self._host_words]
            # To know what is registered takes a list that is slow to load.
            own = len(host) - len(registrable(host) or host) if words else 0
            found = next((match[0] for match in words if match.end() < own), None)
            self._by_name[host] = (self._host_words[found], found) if found else None
        return self._by_name[host]

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

    @cached_property
    def declared_positions(self) -> frozenset[tuple[tuple[str, ...], int]]:
        """Paths of lists of which fields are declared by their position, each with one more than the last of these."""
        return frozenset(
            (field.path[:place], int(match[1]) + 1)
            for endpoint in self.endpoints.values()
            for field in endpoint.fields
            for place, segment in enumerate(field.path)
            if segment.startswith("[") and (match := POSITION(segment))
        )

    def _work_out(self, host: str | None) -> tuple[Endpoint, ...]:
        ranked: dict[str, tuple[tuple[int, ...], str]] = {}

        def add(endpoint: Endpoint, *host_rank: int) -> None:
            rank = (_specificity(endpoint, host_rank), endpoint.id)
            ranked[endpoint.id] = min(rank, ranked.get(endpoint.id, rank))

        for endpoint in self._hostless:
            add(endpoint, 2 if endpoint.keys else 0)
        if host is not None:
            host = host[:255]
            for endpoint in self._exact.get(host, ()):
                add(endpoint, 3)
            label, _, parent = host.partition(".")
            for lead, tail, endpoint in self._beside.get(parent, ()):
                fits = label.startswith(lead) and label.endswith(tail) and len(label) > len(lead) + len(tail)
                if fits:
                    add(endpoint, 1, parent.count("."), len(lead) + len(tail))
            while parent and label != "www":  # a company's website is no service of a phone
                for endpoint in self._below.get(parent, ()):
                    add(endpoint, 1, parent.count("."))
                parent = parent.partition(".")[2]
        return tuple([self.endpoints[id] for _, id in sorted(ranked.values())])


def _specificity(endpoint: Endpoint, host_rank: tuple[int, ...]) -> tuple[int, ...]:
    """Less for what is more specific. `host_rank` is the sort of host, labels, and characters of a label in part."""
    others = sum(
        (
            bool(endpoint.method),
            bool(endpoint.content_type),
            bool(endpoint.ports),
            endpoint.protocols != _ALL_BUT_DNS,
        )
    )
    literal = len(endpoint.path.replace("*", ""))
    sort, labels, characters = (*host_rank, 0, 0)[:3]
    return (-sort, -labels, -characters, not endpoint.own, -literal, -len(endpoint.keys), -others)


def catalogue() -> Catalogue:
    """The catalogue that comes with the program. Raises KnowledgeError if one of its files is wrong."""
    from phonehome.analysis.knowledge import shipped

    return shipped().catalogue


def endpoints(
    name: str,
    content: Endpoints,
    own: bool,
    reader: TomlReader,
) -> Iterator[Endpoint]:
    """The entries of the file of that name, with all that they name put in."""
    wrong = partial(reader.wrong, name)

    def fields(entry: str, tables: Iterable[FieldTable], at: str = "") -> dict[tuple[str, ...], Field]:
        found = [_field(table, at, partial(wrong, entry)) for table in tables]
        return {field.path: field for field in found}

    payloads = {
        key: {
            path: field
            for at in many(payload.at)
            for path, field in fields(f"[payloads] {key}", payload.fields, f"{at} > ").items()
        }
        for key, payload in content.payloads.items()
    }
    for number, table in enumerate(content.endpoint, 1):
        entry = label("endpoint", number, table)
        its: dict[tuple[str, ...], Field] = {}
        items: tuple[FieldTable | str, ...] = many(table.fields)
        for item in items:
            if isinstance(item, FieldTable):
                its |= fields(entry, (item,))
            elif item in payloads:
                its |= payloads[item]
            else:
                wrong(entry, f"'fields': no {item!r} in [payloads] of this file{meant(item, payloads)}")
        references = named_references(table.reference, content.references, partial(wrong, entry))
        yield _endpoint(table, references, tuple(its.values()), name if own else "")


def _endpoint(
    table: EndpointTable, references: tuple[Reference, ...], fields: tuple[Field, ...], own: str
) -> Endpoint:
    conditions = {
        "host": table.hosts,
        "path": table.path,
        "names in the payload": table.keys,
        "content type": table.content_type,
        "port": table.port,
        "protocol": table.protocol,
    }
    matched = ", ".join(name for name, condition in conditions.items() if condition)
    known = (
        f"{'your own entry' if own else 'known endpoint'} {table.id} of {table.owner}{own and f', in {own}'}"
    )
    return Endpoint(
        id=table.id,
        owner=table.owner,
        purpose=table.purpose,
        references=references,
        hosts=table.every_host(),
        path=table.path,
        method=table.method.upper(),
        content_type=table.content_type.lower(),
        ports=frozenset(many(table.port)),
        protocols=frozenset(many(table.protocol)) or _ALL_BUT_DNS,
        keys=frozenset(many(table.keys)),
        acknowledged=_acknowledgement(table.acknowledged),
        note=table.note,
        examples=many(table.example),
        fields=fields,
        own=own,
        reason=f"{known} (by {matched})",
    )


def _acknowledgement(table: AcknowledgedTable | None) -> Acknowledgement | None:
    if table is None:
        return None
    return Acknowledgement(
        frozenset(many(table.status)),
        tuple(table.json.split(".")) if table.json else (),
        table.protobuf,
        many(table.equals),
        table.begins.encode(),
    )


def _field(table: FieldTable, at: str, wrong: Callable[[str], None]) -> Field:
    written = at + table.path
    path = tuple(segment.strip() for segment in written.split(" > "))
    if len(path) < 2 or path[0] not in _PLACES or not all(path):
        wrong(
            f"field path {written!r} must be segments with ' > ' between, of which the first is one of "
            + ", ".join(_PLACES)
        )
    if any(segment.startswith("[") and not POSITION(segment) for segment in path):
        wrong(f"field path {written!r}: a position in a list is [0] to [999]")
    return Field(without_compression(path), table.kind, table.reason)


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """`*` is any run of characters within one segment, `**` at the end is everything below. Made when a host of the
    entry is first seen: most entries of the catalogue are asked for nothing in one run.

    Each `*` but the last is an atomic group that takes the leftmost fit, as in `fnmatch.translate`: time is
    linear in the path, whatever a hostile one looks like."""
    below = path.endswith("**")
    first, *rest = [re.escape(piece) for piece in path.removesuffix("**").split("*")]
    tail = ".*" if below else ""
    if rest:
        *middle, last = rest
        first += "".join(f"(?>[^/]*?{piece})" for piece in middle)
        first += f"(?>[^/]*?{last})" if below else f"[^/]*{last}"
    return re.compile(first + tail + r"\Z", re.DOTALL)
