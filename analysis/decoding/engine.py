"""From bytes to named values: one layer after the other, within bounds.

Strategy: look before decoding. Each piece is bytes, text, or a tree that a parser gave. Bytes are told by their first
bytes, by the content type, by whether they are text, and only then by readers that accept nearly anything
(`formats.py`). Text is told by its first character and one pass of an expression (`encodings.py`). Trees and messages
are walked in two tight loops, because that is where most of the time goes.
"""

import re
from collections.abc import Iterable
from typing import Any

from msgpack import ExtType

from phonehome.analysis.decoding import compression, encodings, http, looks, protobuf, text
from phonehome.analysis.decoding.charset import is_utf8_text, to_text
from phonehome.analysis.decoding.encodings import LONGEST_PLAIN, PLAIN, SHORTEST
from phonehome.analysis.decoding.formats import BY_TRIAL, MARKS, OF_TEXT, OF_WHOLE_TEXT, by_mark, by_media
from phonehome.analysis.decoding.limits import DEFAULT, EACH, LEAST_NESTING, Limits
from phonehome.analysis.decoding.memo import Memo
from phonehome.analysis.decoding.paths import NAME, Path, Paths
from phonehome.analysis.decoding.pieces import NO_TYPE, ContentType, Parts, Piece, Reader, Words
from phonehome.analysis.decoding.values import Opaque, Value

_ORIGINAL = 512
"""Characters up to which a text is a value as it was sent, even though it was decoded further."""
_SMALL = 64
"""Bytes up to which what is no text is a value (an address, a digest), and not something that was not understood."""
_LEAF = 128
"""The same for a field of a message that was understood: keys, signatures and tokens are that long."""
MORE = "more bytes than are looked at in one transmission"
"""Why a part is left where the count of bytes strikes."""
_RUNS = 200
"""Words that are kept of bytes in a format that is not known."""
_PACKED = 8192
"""Bytes up to which a field is tried as packed numbers."""
_GIVEN_OUT = frozenset({"header", "cookie"})
_LEAST_DELIMITED = 24
"""Bytes of the shortest field that is tried as messages behind their lengths."""
_NOT_IN_TEXT = frozenset(range(32)) - {9, 10, 13}
"""Bytes that no text begins with."""
_HUGE = 256
"""Bits of an integer, above which it is no identifier; Python refuses to print one of 4,300 digits."""

_MAP_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_.\[\]-]{1,63}").fullmatch
"""A key of a map that is a name, and not data."""

_NAMING = ("name", "key", "field", "id", "n", "k", "attribute", "property", "param", "path")
_VALUING = ("value", "val", "v", "data", "")
"""How objects that stand for one pair of name and value call these two. The path is JSON Patch's (RFC 6902)."""
_MOST_OF_PAIR = 6
"""Fields of such an object: a type, a time, a scope may stand beside."""
_COLUMNS = frozenset({"columns", "cols", "fields", "keys", "names", "headers", "header"})
_ROWS = ("rows", "values", "data", "vals", "records")
"""How objects that stand for a table call the names of its columns, and its rows."""
_MOST_COLUMNS = 256
_COLUMN = re.compile(r"[^\W\d][\w.$ -]{0,63}").fullmatch
"""The name of a column."""
_ITEM_PLACES = ("Source", "Target")
_ITEM_DATA = "Data"
"""What an item of OMA device management calls its address and its value."""
_UID = "UID"
"""What plistlib calls the numbers by which a keyed archive refers to objects; it is imported where a list is read."""

_make = tuple.__new__
"""Makes a tuple with names in half the time that its own constructor takes."""


At = tuple[Path, str, int, int, int]
"""Where something stands: path, key, group (all as in `Value`), layers around it, and containers around it in the same
document. The key of a protobuf message inside another is the numbers that led to it, each followed by a dot. A tuple
without names, since one is made for each object: that saves a tenth of the time."""


class Memory:
    """What is worth remembering from one piece to the next, whatever the limits are; all of it bounded."""

    __slots__ = ("content_types", "paths", "readers", "short")

    def __init__(self, declared_positions: Iterable[tuple[Path, int]] = ()) -> None:
        self.paths = Paths(declared_positions)
        self.content_types: Memo[str, ContentType] = Memo(http.parse_content_type, 512)
        self.readers: Memo[str, tuple[Reader, ...]] = Memo(by_media, 512)
        """Media type -> what reads it."""
        self.short: Memo[str, encodings.Layer | None] = Memo(
            lambda text: encodings.unwrap(text, DEFAULT), 8192
        )
        """What is in texts of up to `encodings.SHORT` characters, too short for any limit: phones send the same
        ids, keys and addresses with each request."""


class Walk:
    """A walk through pieces: what was found so far, and how much may still be (`Budget`)."""

    __slots__ = ("full", "group", "left", "limits", "memory", "nodes", "opaque", "unpacked", "values", "work")

    def __init__(self, limits: Limits, memory: Memory, base: int = 0, left: int | None = None) -> None:
        """`left` are the bytes that may be looked at, and come out of all layers, if not as many as the limits say."""
        self.limits = limits
        self.memory = memory
        self.values: list[Value] = []
        self.opaque: list[Opaque] = []
        self.group = base
        """The first group number that is not used."""
        self.full = False
        self.nodes = limits.values
        self.left = limits.looked_at if left is None else left
        """Bytes that may still be looked at."""
        self.unpacked = limits.unpacked if left is None else min(limits.unpacked, left)
        self.work = limits.values * 10

    def room(self, size: int) -> int:
        """Bytes that a compressed stream of so many may become."""
        return min(self.unpacked, max(self.limits.free, self.limits.ratio * size))

    # -- what is found ---------------------------------------------------------------------------------------

    def note(self, path: Path, size: int, looks_like: str, reason: str) -> None:
        """Something that was not understood."""
        if len(self.opaque) < self.limits.values:
            self.opaque.append(Opaque(path, size, looks_like, reason))

    def limit(self, path: Path, size: int, reason: str) -> None:
        self.note(path, size, "limit", reason)

    def exhausted(self, path: Path, left: int) -> None:
        """No more values are taken: said once, with how many were left at that place."""
        if not self.full:
            self.full = True
            self.limit(path, left, f"more than {self.limits.values} values")

    def spent(self, path: Path, size: int) -> bool:
        """Whether so many bytes are more than may still be looked at: said once, with the first that were left."""
        before = self.left
        self.left = before - size - EACH
        if self.left >= 0:
            return False
        if before >= 0:
            self.limit(path, size, MORE)
        return True

    def emit(self, data: str | int | float | bytes, at: At) -> None:
        """A value."""
        if isinstance(data, (str, bytes)) and len(data) > self.limits.value:
            self.limit(at[0], len(data) - self.limits.value, f"value cut at {self.limits.value}")
            data = data[: self.limits.value]
        self.values.append(_make(Value, (at[0], at[1], data, at[2])))

    def new_group(self) -> int:
        group = self.group
        self.group += 1
        return group

    # -- text ------------------------------------------------------------------------------------------------

    def text(self, content: str, at: At, *, whole: bool = False) -> None:
        """A text; `whole` if it is a document by itself rather than a leaf of one: then it is no value beside
        what is found in it, and it may be too long to be parsed, or have been cut off."""
        size = len(content)
        if size < SHORTEST or (not whole and size <= LONGEST_PLAIN and PLAIN(content)):
            if content:
                self.values.append(_make(Value, (at[0], at[1], content, at[2])))
                if content[-1] == "=":
                    self.sealed(content, at)
        else:
            self.unwrap(content, at, whole=whole)

    def unwrap(self, content: str, at: At, *, whole: bool = False) -> None:
        """A text that the quick check could not rule out to be in an encoding."""
        size = len(content)
        if self.spent(at[0], size):
            self.emit(content, at)
            return
        found = (
            self.memory.short[content] if size <= encodings.SHORT else encodings.unwrap(content, self.limits)
        )
        if found is None:
            if not (whole or "\n" in content) or not self.loose(content, at, whole):
                self.emit(content, at)
                if content[-1] == "=" or size % 4 == 0:
                    self.sealed(content, at)
            return
        name, inner = found
        path, key, group, depth, _ = at
        if depth >= self.limits.depth:
            self.emit(content, at)
            self.limit(path, size, f"{self.limits.depth} layers deep, and {name} inside")
            return
        path = (*path, name)
        if type(inner) is bytes and name in ("base64", "hex") and not encodings.understood(inner):
            # The text stays the value; that nothing is known of what is in it is worth a note only if it is as random
            # as ciphertext, begins as a file does, or is a whole body, since long words and lists are base64 by chance.
            self.emit(content, at)
            verdict, reason = looks.judge(inner)
            if verdict == "encrypted" or looks.media_type(inner) or (whole and not key):
                self.note(path, len(inner), verdict, reason)
            return
        if not whole and size <= _ORIGINAL:
            self.values.append(_make(Value, (at[0], key, content, group)))
        under = (path, key, group, depth + 1, 0)
        if type(inner) is tuple and len(inner) < self.nodes:  # as `tree` would, and the most frequent
            self.nodes -= 1 + len(inner)
            self.fields(inner, under)
            return
        if not isinstance(inner, (str, bytes)):
            self.tree(inner, under)
            return
        self.unpacked -= len(inner)
        if self.unpacked < 0:
            self.limit(path, len(inner), f"more than {self.limits.unpacked} bytes unpacked")
        elif isinstance(inner, str):
            self.text(inner, under, whole=whole or inner[:1] in ("{", "[", "<"))
        else:
            self.data(inner, under)

    def sealed(self, content: str, at: At) -> None:
        """Notes a few bytes under base64 that nothing understands: the digest or the ciphertext of an identifier is as
        long. Only where padding or signs tell base64 from an id; not in headers, full of what servers gave out."""
        if at[0] and at[0][0] not in _GIVEN_OUT and (size := encodings.sealed(content)):
            self.note((*at[0], "base64"), size, "unknown", f"{size} bytes are too few to tell")

    def loose(self, content: str, at: At, whole: bool) -> bool:
        """Text that no parser takes as a whole; whether a reader took it apart."""
        if at[3] >= self.limits.depth or self.nodes <= 0:
            return False
        words = Words(content, whole, self)
        for reader in OF_WHOLE_TEXT if whole and (not at[1] or "\n" in content) else OF_TEXT:
            found = reader(words)
            if found is not None:
                if not found.parts or (not whole and len(content) <= _ORIGINAL):
                    self.emit(content, at)
                self.take(found, at)
                return True
        return False

    # -- trees -----------------------------------------------------------------------------------------------

    def tree(self, node: Any, at: At) -> None:
        """What a parser gave. Objects (tuples of pairs, dictionaries) get a group each; items of a list have
        the path and name of the list."""
        kind = type(node)
        if kind is str:
            self.text(node, at)
        elif kind is tuple or kind is dict or kind is list:
            self.container(node, at)
        elif kind is int:
            if node.bit_length() <= _HUGE:
                self.emit(node, at)
            else:
                self.limit(at[0], node.bit_length() // 8, f"an integer of more than {_HUGE} bits")
        elif kind is float:
            if node - node == 0:
                self.emit(node, at)
        elif kind is bytes:
            self.blob(node, at)
        elif kind is ExtType or kind.__name__ == _UID:
            path, key, group, depth, nesting = at
            if nesting < self.limits.deepest(depth):
                self.tree(node.data, (path, key, group, depth, nesting + 1))
        elif node is not None and kind is not bool and (words := _label(node)):
            # What only CBOR, MessagePack and property lists have: dates, UUIDs, decimals, ...
            self.emit(words, at)

    def container(self, node: Any, at: At) -> None:
        path, key, group, depth, nesting = at
        size = len(node)
        if nesting >= LEAST_NESTING and nesting >= self.limits.deepest(depth):
            self.limit(path, size, f"{nesting} objects inside one another, {depth} layers deep")
            return
        if self.nodes <= 0:
            self.exhausted(path, size)
            return
        self.nodes -= 1
        if type(node) is not list:
            room = self.nodes
            self.nodes = room - size
            if type(node) is dict:
                node = tuple(node.items())
            if size > room:
                self.exhausted(path, size - room)
                node = node[:room]
            self.fields(node, at)
            return
        if size > 1 and type(node[0]) is list and len(node[0]) == 2 and _is_pairs(node):
            self.row(node, path)
        if nesting == 0:
            group = self.new_group()
        positions = self.memory.paths.positions(path)
        inner = (path, key, group, depth, nesting + 1)
        for index, item in enumerate(node):
            if self.nodes <= 0:
                self.exhausted(path, size - index)
                return
            if index < positions:
                self.nodes -= 1
                self.tree(item, ((*path, f"[{index}]"), *inner[1:]))
            elif type(item) is tuple:
                self.container(item, inner)
            else:
                self.nodes -= 1
                self.tree(item, inner)

    def fields(self, pairs: tuple[tuple[Any, Any], ...], at: At) -> None:
        """The pairs of one object. One of the two loops that decide the speed of all of this."""
        path, around, _, depth, nesting = at
        nesting += 1
        group = self.group
        self.group = group + 1
        append = self.values.append
        known = self.memory.paths.of_object(path)
        for name, node in pairs:
            inner = known.get(name) if type(name) is str else None
            if inner is None:
                name, inner = self.named(name, known, path, group)
            kind = type(node)
            if kind is str:
                size = len(node)
                if size <= LONGEST_PLAIN and (size < SHORTEST or PLAIN(node)):
                    if node:
                        append(_make(Value, (inner, name or around, node, group)))
                        if node[-1] == "=":
                            self.sealed(node, (inner, name or around, group, depth, 0))
                else:
                    self.unwrap(node, (inner, name or around, group, depth, 0))
            elif (kind is int and node.bit_length() <= _HUGE) or (kind is float and node - node == 0):
                append(_make(Value, (inner, name or around, node, group)))
            elif kind is tuple or kind is list:
                if kind is list and name in _COLUMNS:
                    self.table(node, pairs, path)
                self.container(node, (inner, name or around, group, depth, nesting))
                if kind is tuple and 0 < len(node) <= 2:
                    # `{"lat": {"value": 59.9}}`: a position is one only if its halves stand together.
                    for word, number in node:
                        if (
                            type(number) is float
                            and number - number == 0
                            and (len(node) == 1 or word in _VALUING)
                        ):
                            self.emit(number, ((*inner, str(word)[:NAME]), name or around, group, depth, 0))
            elif node is not None and kind is not bool:
                self.tree(node, (inner, name or around, group, depth, nesting))
        if 2 <= len(pairs) <= _MOST_OF_PAIR and (
            pairs[0][0] in _NAMING or pairs[1][0] in _NAMING or pairs[len(pairs) // 2][0] in _NAMING
        ):
            self.named_value(pairs, path, group)
        elif pairs and pairs[-1][0] == _ITEM_DATA and len(pairs) > 1:
            self.management_item(pairs, path, group)

    def named(self, name: Any, known: dict[str, Path], path: Path, group: int) -> tuple[str, Path]:
        """The name and path of a field that is met for the first time. Names that are data are values too, and are
        not remembered."""
        name = (name if type(name) is str else _label(name))[:NAME]
        if len(name) >= encodings.SHORTEST_DATA and encodings.data_as_name(name):
            inner = (*path, name)
            self.values.append(Value(inner, "", name, group))
            return name, inner
        return name, self.memory.paths.of_field(known, path, name)

    def management_item(self, pairs: tuple[tuple[Any, Any], ...], path: Path, group: int) -> None:
        """An item of OMA device management: the value once more, under the last name of its address in the tree
        (`./DevInfo/DevId`; OMA-TS-DM_Protocol, Item)."""
        data = pairs[-1][1]
        if not isinstance(data, (str, int)):
            return
        for name, node in pairs[:-1]:
            if name in _ITEM_PLACES and type(node) is tuple:
                uri = dict(pair for pair in node if isinstance(pair[0], str)).get("LocURI")
                if isinstance(uri, str) and uri[:2] == "./":
                    key = uri.rpartition("/")[2][:NAME]
                    self.text(str(data), ((*path, _ITEM_DATA, key), key, group, 0, 0))
                    return

    def named_value(self, pairs: tuple[tuple[Any, Any], ...], path: Path, group: int) -> None:
        """`{"name": "imei", "value": "..."}`: the value once more, under the name that its sender gave it."""
        found = dict(pair for pair in pairs if isinstance(pair[0], str))
        name = next((found[word] for word in _NAMING if word in found), None)
        if not isinstance(name, str) or not 0 < len(name) <= NAME:
            return
        if name[:1] == "/":
            name = name.rpartition("/")[2] or name
        for word in _VALUING if len(pairs) <= 3 else _VALUING[:3]:
            data = found.get(word)
            if type(data) is tuple and len(data) == 1:
                data = data[0][1]  # OTLP: `{"value": {"stringValue": "..."}}`
            if isinstance(data, (str, int, float)) and not isinstance(data, bool) and data != "":
                if isinstance(data, float) and data - data != 0:
                    return
                if isinstance(data, int) and data.bit_length() > _HUGE:
                    return
                self.emit(data, ((*path, word) if word else path, name, group, 0, 0))
                return

    def table(self, columns: list[Any], pairs: tuple[tuple[Any, Any], ...], path: Path) -> None:
        """`{"columns": ["imei", "mac"], "rows": [["...", "..."]]}`, or one row: each value once more."""
        width = len(columns)
        if not 0 < width <= _MOST_COLUMNS or not all(type(name) is str and _COLUMN(name) for name in columns):
            return
        rows = next((node for name, node in pairs if name in _ROWS and type(node) is list), None)
        if not rows:
            return
        for row in rows if type(rows[0]) is list else [rows]:
            if type(row) is list and len(row) == width:
                self.row(zip(columns, row, strict=True), path)

    def row(self, cells: Iterable[tuple[str, Any]], path: Path) -> None:
        """Values once more, under the names that stand elsewhere."""
        group = self.new_group()
        for name, data in cells:
            if self.nodes <= 0:
                return
            if type(data) is str or type(data) is float or (type(data) is int and data.bit_length() <= _HUGE):
                self.nodes -= 1
                if data != "" and (type(data) is not float or data - data == 0):
                    name = name[:NAME]
                    self.emit(data, ((*path, name), name, group, 0, 0))

    def blob(self, data: bytes, at: At) -> None:
        """Bytes inside a document of a binary format."""
        if not data:
            return
        words = is_utf8_text(data)
        if words is not None:
            self.text(words, at)
        elif encodings.understood(data) and at[3] < self.limits.depth:
            self.data(data, at)
        elif len(data) <= _SMALL:
            self.emit(data, at)
        else:
            self.note(at[0], len(data), *looks.judge(data))

    # -- bytes -----------------------------------------------------------------------------------------------

    def payload(self, data: bytes, content_type: str, encoding: str, path: Path) -> None:
        """Bytes that were sent under a content type and content codings (as the headers have them)."""
        kind = self.memory.content_types[content_type] if content_type else NO_TYPE
        at = (path, "", self.new_group(), 0, 0)
        most = self.limits.looked_at // 4  # what is inside is looked at as well
        if len(data) > most:
            self.limit(path, len(data) - most, MORE)
            data = _begun(data, most)
        if encoding and encoding != "identity":
            self.encoded(data, http.codings(encoding), at, kind)
        else:
            self.data(data, at, kind)

    def data(self, data: bytes, at: At, kind: ContentType = NO_TYPE) -> None:
        """Bytes of which a content type may be known."""
        if not data:
            return
        path, key, group, depth, nesting = at
        if depth >= self.limits.depth:
            self.limit(path, len(data), f"{self.limits.depth} layers deep")
            return
        if self.spent(path, len(data)):
            return
        squeezed = compression.by_magic(data)
        if squeezed and self.unpack(data, squeezed, at, kind):
            return
        piece = _make(Piece, (data, kind, path, self))
        if kind.media and self.read(piece, at, self.memory.readers[kind.media]):
            return
        if data[0] in MARKS and self.read(piece, at, by_mark(data)):
            return
        expected = bool(kind.charset) or kind.media.startswith("text/")
        words = to_text(data, kind.charset, expect_text=expected)
        if words:
            self.text(words.text, (path + words.steps, key, group, depth, nesting), whole=True)
            return
        media = looks.media_type(data)
        if not media and self.read(piece, at, BY_TRIAL):
            return
        verdict, reason = looks.judge(data)
        self.note(path, len(data), verdict, reason)
        if verdict == "unknown" and not media:
            inner = ((*path, "strings"), "", self.new_group(), depth + 1, 0)
            for run in text.printable_runs(data[: self.limits.document], min(_RUNS, self.nodes)):
                self.nodes -= 1
                self.text(run, inner)

    def read(self, piece: Piece, at: At, readers: Iterable[Reader]) -> bool:
        """Asks readers in order; whether one knew the format."""
        for reader in readers:
            found = reader(piece)
            if found is not None:
                self.take(found, at)
                return True
        return False

    def take(self, found: Parts, at: At) -> None:
        """What a reader found, and what it did not understand."""
        parts, notes = found
        path, name, group, depth, _ = at
        depth += 1
        if len(parts) > 1:
            group = self.new_group()
            self.nodes -= len(parts)
            if self.nodes < 0:
                self.exhausted(path, -self.nodes)
        for steps, content, key, kind, codings in parts:
            inner = (path + steps, name if key is None else key, group, depth, 0)
            if type(content) is tuple:
                self.container(content, inner)
            elif isinstance(content, bytes):
                self.encoded(content, codings, inner, kind)
            elif isinstance(content, protobuf.Message):
                self.message(content.fields, (path + steps, "", group, depth, 0))
            else:
                self.tree(content, inner)
        for steps, size, looks_like, reason in notes:
            self.note(path + steps, size, looks_like, reason)

    def encoded(self, data: bytes, codings: tuple[str, ...], at: At, kind: ContentType) -> None:
        """Bytes with content codings, of which the last was applied last. One that does not fit was declared
        but not applied, or was undone by who captured it."""
        while codings and data and at[3] < self.limits.depth:
            codings, last = codings[:-1], codings[-1]
            how = compression.ENCODINGS.get(last)
            if how and self.unpack(data, how, at, kind, codings):
                return
        self.data(data, at, kind)

    def unpack(
        self,
        data: bytes,
        how: tuple[str, compression.Decompressor],
        at: At,
        kind: ContentType,
        rest: tuple[str, ...] = (),
    ) -> bool:
        """One compressed stream, and the content codings under it; False if it is none."""
        name, decompress = how
        path, key, group, depth, _ = at
        room = self.room(len(data))
        if room <= 0:
            self.limit(path, len(data), f"more than {self.limits.unpacked} bytes unpacked")
            return True
        out = decompress(data, room)
        if out is None:
            return False
        path = (*path, name)
        self.unpacked -= len(out.data)
        if out.trouble == "limit":
            self.limit(path, len(data), f"unpacks to more than {room} bytes; the rest was not read")
        elif out.trouble:
            self.limit(path, len(data), f"{out.trouble}: unpacked as far as it goes")
        if len(out.rest) > 8:
            self.note(path, len(out.rest), "unknown", "follows the end of the compressed stream")
        self.encoded(out.data, rest, (path, key, group, depth + 1, 0), kind)
        return True

    # -- protobuf --------------------------------------------------------------------------------------------

    def message(self, fields: list[protobuf.Field], at: At) -> None:
        """The fields of one message. The other loop that decides the speed."""
        path, numbers, _, depth, nesting = at
        size = len(fields)
        if nesting >= LEAST_NESTING and nesting >= self.limits.deepest(depth):
            self.limit(path, size, f"{nesting} messages inside one another, {depth} layers deep")
            return
        if size > self.nodes:
            self.exhausted(path, size)
            return
        self.nodes -= size
        group = self.group
        self.group = group + 1
        append = self.values.append
        known = self.memory.paths.of_message(path, numbers)
        for number, wire, content in fields:
            key, inner = known.get(number) or self.memory.paths.of_number(known, path, numbers, number)
            if wire == protobuf.LENGTH:
                if not content:
                    continue
                if (
                    content[0] > 31
                    and content.isascii()
                    and len(content) <= LONGEST_PLAIN
                    and (words := content.decode("ascii")).isprintable()
                    and (len(words) < SHORTEST or PLAIN(words))
                    and not protobuf.text_like_message(content)
                ):
                    append(_make(Value, (inner, key, words, group)))
                    if words[-1] == "=":
                        self.sealed(words, (inner, key, group, depth, nesting))
                else:
                    self.bytes_field(content, path, (inner, key, group, depth, nesting))
            elif wire == protobuf.VARINT:
                # An int64 below zero is sent as its two's complement.
                data = content - (1 << 64) if content > 0x7FFFFFFFFFFFFFFF else content
                append(_make(Value, (inner, key, data, group)))
            elif wire == protobuf.GROUP:
                self.message(content, (path, key + ".", group, depth, nesting + 1))
            else:
                append(_make(Value, (inner, key, int.from_bytes(content, "little"), group)))
                real = (protobuf.as_double if wire == protobuf.FIXED64 else protobuf.as_float)(content)
                if real is not None:
                    append(_make(Value, (inner, key, real, group)))
        if size == 2 and fields[0][0] == 1 and fields[1][0] == 2 and nesting:
            self.map_entry(fields, (*path, f"{numbers}2"), group)

    def map_entry(self, fields: list[protobuf.Field], path: Path, group: int) -> None:
        """An entry of a map is a message of a key, 1, and a value, 2 (protobuf.dev, encoding of maps): the value once
        more, under the name that its sender gave it."""
        (_, wire, name), (_, kind, content) = fields
        if wire != protobuf.LENGTH or not _MAP_NAME(name):
            return
        if kind == protobuf.LENGTH:
            words = is_utf8_text(content) if content else None
            if words is None or len(words) > LONGEST_PLAIN:
                return
            content = words
        elif kind != protobuf.VARINT:
            return
        self.emit(content, (path, name.decode("ascii"), group, 0, 0))

    def bytes_field(self, content: bytes, path: Path, at: At) -> None:
        """A length-delimited field of a message at `path`: message, text, packed numbers, or bytes."""
        first = content[0]
        size = len(content)
        if self.spent(at[0], size):
            return
        words = None if first in _NOT_IN_TEXT else is_utf8_text(content)
        if (
            first in protobuf.BEGINNINGS
            and (words is None or protobuf.text_like_message(content))
            and protobuf.begins_message(content)
        ):
            fields = protobuf.fields_of(content, self)
            if fields and words is not None and not protobuf.only_texts(fields):
                fields = None
            if fields and protobuf.plausible(fields, size):
                if size <= 32 and words is None and not any(field[1] == protobuf.LENGTH for field in fields):
                    # A few numbers can be a digest or an address as well: both views are given.
                    self.emit(content, at)
                _, key, group, depth, nesting = at
                self.message(fields, (path, key + ".", group, depth, nesting + 1))
                return
        if words is not None:
            self.text(words, at)
            return
        if size >= _LEAST_DELIMITED and (messages := protobuf.read_delimited_field(content, self)):
            inner, _, group, depth, nesting = at
            for fields in messages if depth < self.limits.depth else ():
                self.message(fields, ((*inner, "delimited"), "", group, depth + 1, nesting))
            return
        packed = protobuf.as_packed(content) if size <= _PACKED and protobuf.may_be_packed(content) else None
        if packed and len(packed) <= self.nodes:
            self.nodes -= len(packed)
            for number in packed:
                self.emit(number, at)
        elif size <= _LEAF and not (first in compression.FIRST and compression.by_magic(content)):
            self.values.append(_make(Value, (at[0], at[1], content, at[2])))
        else:
            self.data(content, at)


def _is_pairs(node: list[Any]) -> bool:
    """Whether a list holds pairs of name and value: `[["imei", "..."], ["mac", "..."]]`."""
    return all(
        type(item) is list and len(item) == 2 and type(item[0]) is str and _COLUMN(item[0]) for item in node
    )


def _begun(data: bytes, size: int) -> bytes:
    """The first bytes, about so many: no character of UTF-8 is cut in two."""
    while 0 < size < len(data) and data[size] & 0xC0 == 0x80:
        size -= 1
    return data[:size]


def _label(name: Any) -> str:
    """A name that is no text, as CBOR and MessagePack allow."""
    if isinstance(name, bytes):
        return name[:NAME].decode("utf-8", "backslashreplace")
    try:
        return str(name)[:NAME]
    except (ValueError, ArithmeticError, RecursionError):
        return "?"
