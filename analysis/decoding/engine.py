"""From bytes to named values: one layer after the other, within bounds.

Strategy: look before decoding. Each piece is bytes, text, or a tree that a parser gave. Bytes are told by their first
bytes, by the content type, by whether they are text, and only then by parsers that accept nearly anything. Text is
told by its first character and one pass of an expression (`dress.py`). Trees are walked in one tight loop, because
that is where most of the time goes.
"""

import re
from collections.abc import Callable, Iterable
from plistlib import UID
from typing import Any

from msgpack import ExtType

from phonehome.analysis.decoding import binary, coap, compression, dress, http, looks, text
from phonehome.analysis.decoding.charset import is_utf8_text, to_text
from phonehome.analysis.decoding.dress import LONGEST_PLAIN, PLAIN, SHORTEST
from phonehome.analysis.decoding.limits import DEFAULT, LEAST_NESTING, Limits
from phonehome.analysis.decoding.memo import Memo
from phonehome.analysis.decoding.paths import NAME, Path, Paths
from phonehome.analysis.decoding.values import Opaque, Value

_ORIGINAL = 512
"""Characters up to which a text is a value as it was sent, even though it was decoded further."""
_SMALL = 64
"""Bytes up to which what is no text is a value (an address, a digest), and not something that was not understood."""

_LEAF = 128
"""The same for a field of a message that was understood: keys, signatures and tokens are that long."""

_RUNS = 200
"""Words that are kept of bytes in a format that is not known."""
_PACKED = 8192
"""Bytes up to which a field is tried as packed numbers."""
_LEAST_MESSAGE = 8
"""Bytes of the shortest protobuf message that is recognised without having been announced."""
_NOT_IN_TEXT = frozenset(range(32)) - {9, 10, 13}
"""Bytes that no text begins with."""
_HUGE = 256
"""Bits of an integer, above which it is no identifier; Python refuses to print one of 4,300 digits."""

_MAP_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_.\[\]-]{1,63}").fullmatch
"""A key of a map that is a name, and not data."""

_NAMING = ("name", "key", "field", "id", "n", "k")
_VALUING = ("value", "val", "v", "data", "")
"""How objects that stand for one pair of name and value call these two."""

_IN_PART = "cut off, damaged or too long: read as far as it goes"

_make = tuple.__new__
"""Makes a Value in half the time that its own constructor takes."""


class Memory:
    """What is worth remembering from one piece to the next, whatever the limits are; all of it bounded."""

    __slots__ = ("content_types", "paths", "short")

    def __init__(self, declared_positions: Iterable[tuple[Path, int]] = ()) -> None:
        self.paths = Paths(declared_positions)
        self.content_types: Memo[str, http.ContentType] = Memo(http.parse_content_type, 512)
        self.short: Memo[str, dress.Peeled | None] = Memo(lambda text: dress.peel(text, DEFAULT), 8192)
        """What texts of up to `dress.SHORT` characters wear, too short for any limit: phones send the same ids, keys
        and addresses with each request."""


class Run:
    """One piece of decoding: what was found so far, and how much may still be."""

    __slots__ = ("full", "group", "limits", "memory", "nodes", "opaque", "unpacked", "values", "work")

    def __init__(self, limits: Limits, memory: Memory, base: int = 0) -> None:
        self.limits = limits
        self.memory = memory
        self.values: list[Value] = []
        self.opaque: list[Opaque] = []
        self.group = base
        self.nodes = limits.values
        self.unpacked = limits.unpacked
        self.full = False
        self.work = limits.values * 10
        """Protobuf fields that may be tried."""

    def part(self) -> tuple[tuple[Value, ...], tuple[Opaque, ...], int]:
        """What was found, and the first group number that is not used."""
        return tuple(self.values), tuple(self.opaque), self.group

    # -- leaves ----------------------------------------------------------------------------------------------

    def note(self, path: Path, size: int, looks_like: str, reason: str) -> None:
        if len(self.opaque) < self.limits.values:
            self.opaque.append(Opaque(path, size, looks_like, reason))

    def limit(self, path: Path, size: int, reason: str) -> None:
        self.note(path, size, "limit", reason)

    def exhausted(self, path: Path, left: int) -> None:
        """No more values are taken: said once, with how many were left at that place."""
        if not self.full:
            self.full = True
            self.limit(path, left, f"more than {self.limits.values} values")

    def charge(self, path: Path, count: int) -> None:
        """Takes the pieces of a container off what may still be found."""
        self.nodes -= count
        if self.nodes < 0:
            self.exhausted(path, -self.nodes)

    def emit(self, data: str | int | float | bytes, path: Path, key: str, group: int) -> None:
        if isinstance(data, (str, bytes)) and len(data) > self.limits.value:
            self.limit(path, len(data) - self.limits.value, f"value cut at {self.limits.value}")
            data = data[: self.limits.value]
        self.values.append(_make(Value, (path, key, data, group)))

    def new_group(self) -> int:
        group = self.group
        self.group += 1
        return group

    # -- text ------------------------------------------------------------------------------------------------

    def text(
        self, content: str, path: Path, key: str, group: int, depth: int, *, whole: bool = False
    ) -> None:
        """A text; `whole` if it is a document by itself rather than a leaf of one: then it is no value beside
        what is found in it, and it may be too long to be parsed, or have been cut off."""
        size = len(content)
        if size <= LONGEST_PLAIN and (size < SHORTEST or PLAIN(content)):
            if content:
                self.values.append(_make(Value, (path, key, content, group)))
            return
        self.dressed(content, path, key, group, depth, whole)

    def dressed(self, content: str, path: Path, key: str, group: int, depth: int, whole: bool) -> None:
        """A text of which it is not plain at first sight that it is plain."""
        size = len(content)
        found = self.memory.short[content] if size <= dress.SHORT else dress.peel(content, self.limits)
        if found is None:
            if whole and self.broken(content, path, key, group, depth):
                return
            if "\n" in content and self.lines(content, path, group, depth):
                if not whole and size <= _ORIGINAL:
                    self.emit(content, path, key, group)
                return
            self.emit(content, path, key, group)
            return
        name, inner = found
        if depth >= self.limits.depth:
            self.emit(content, path, key, group)
            self.limit(path, len(content), f"{self.limits.depth} layers deep, and {name} inside")
            return
        if type(inner) is tuple and len(inner) < self.nodes:
            if not whole and size <= _ORIGINAL:
                self.values.append(_make(Value, (path, key, content, group)))
            self.nodes -= 1 + len(inner)
            self.fields(inner, (*path, name), key, depth + 1, 0)
            return
        if type(inner) is bytes and name in ("base64", "hex") and not dress.understood(inner):
            # The text stays the value; that nothing is known of what is in it is worth a note only if it is
            # as random as ciphertext, since long words and lists are base64 by chance.
            self.emit(content, path, key, group)
            verdict, reason = looks.judge(inner)
            if verdict == "encrypted":
                self.note((*path, name), len(inner), verdict, reason)
            return
        if not whole and size <= _ORIGINAL:
            self.emit(content, path, key, group)
        self.content(inner, (*path, name), key, group, depth + 1)

    def broken(self, content: str, path: Path, key: str, group: int, depth: int) -> bool:
        """A document that no parser takes as a whole: as much of it as can be read; whether there was any."""
        first = content.lstrip()[:1]
        part = content[: self.limits.document]
        if depth >= self.limits.depth or self.nodes <= 0:
            return False
        if first in ("{", "["):
            name, tree = "json", text.broken_json(part, self.nodes)
        elif first == "<":
            found = text.parse_xml(part, self.nodes, self.limits.nesting)
            name, tree = "xml", found[0] if found else None
        else:
            return False
        if tree is None:
            return False
        self.tree(tree, (*path, name), key, group, depth + 1)
        self.limit((*path, name), len(content), _IN_PART)
        return True

    def lines(self, content: str, path: Path, group: int, depth: int) -> bool:
        """Text of several lines: pairs, or lines that are each a document; whether it was that."""
        if len(content) > self.limits.document or depth >= self.limits.depth:
            return False
        tree = text.parse_lines(content, self.nodes + 1)
        if tree is None:
            return False
        self.tree(tree, (*path, "lines"), "", group, depth + 1)
        return True

    def content(self, content: Any, path: Path, key: str, group: int, depth: int) -> None:
        """What a layer held: text, bytes or a tree."""
        if isinstance(content, (str, bytes)):
            self.unpacked -= len(content)
            if self.unpacked < 0:
                self.limit(path, len(content), f"more than {self.limits.unpacked} bytes unpacked")
            elif isinstance(content, str):
                self.text(content, path, key, group, depth, whole=content[:1] in ("{", "[", "<"))
            else:
                self.data(content, path, key, group, depth)
        else:
            self.tree(content, path, key, group, depth)

    # -- trees -----------------------------------------------------------------------------------------------

    def tree(self, node: Any, path: Path, key: str, group: int, depth: int, nesting: int = 0) -> None:
        """What a parser gave. Objects (tuples of pairs, dictionaries) get a group each; items of a list have
        the path and name of the list."""
        kind = type(node)
        if kind is str:
            self.text(node, path, key, group, depth)
        elif kind is tuple or kind is dict or kind is list:
            self.container(node, path, key, group, depth, nesting)
        elif kind is int:
            self.integer(node, path, key, group)
        elif kind is float:
            if node - node == 0:
                self.emit(node, path, key, group)
        elif kind is bytes:
            self.blob(node, path, key, group, depth)
        elif node is not None and kind is not bool:
            self.other(node, path, key, group, depth, nesting)

    def container(self, node: Any, path: Path, key: str, group: int, depth: int, nesting: int) -> None:
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
            if size > room:
                self.exhausted(path, size - room)
                node = tuple(node.items() if type(node) is dict else node)[:room]
            self.fields(node.items() if type(node) is dict else node, path, key, depth, nesting)
            return
        if nesting == 0:
            group = self.new_group()
        positions = self.memory.paths.positions(path)
        for index, item in enumerate(node):
            if self.nodes <= 0:
                self.exhausted(path, size - index)
                return
            if index < positions:
                self.nodes -= 1
                self.tree(item, (*path, f"[{index}]"), key, group, depth, nesting + 1)
                continue
            if type(item) is tuple:
                self.container(item, path, key, group, depth, nesting + 1)
                continue
            self.nodes -= 1
            if type(item) is str:
                self.text(item, path, key, group, depth)
            else:
                self.tree(item, path, key, group, depth, nesting + 1)

    def fields(
        self, pairs: Iterable[tuple[Any, Any]], path: Path, around: str, depth: int, nesting: int
    ) -> None:
        """The pairs of one object. The loop that decides the speed of all of this."""
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
                else:
                    self.dressed(node, inner, name or around, group, depth, False)
            elif (kind is int and node.bit_length() <= _HUGE) or (kind is float and node - node == 0):
                append(_make(Value, (inner, name or around, node, group)))
            elif kind is tuple or kind is list:
                self.container(node, inner, name or around, group, depth, nesting + 1)
            elif node is not None and kind is not bool:
                self.tree(node, inner, name or around, group, depth, nesting + 1)
        if (
            type(pairs) is tuple
            and 2 <= len(pairs) <= 3
            and (pairs[0][0] in _NAMING or pairs[1][0] in _NAMING)
        ):
            self.named_value(pairs, path, group)

    def named(self, name: Any, known: dict[str, Path], path: Path, group: int) -> tuple[str, Path]:
        """The name and path of a field that is met for the first time. Names that are data are values too, and are
        not remembered."""
        name = (name if type(name) is str else _label(name))[:NAME]
        if len(name) >= dress.SHORTEST_DATA and dress.data_as_name(name):
            inner = (*path, name)
            self.values.append(Value(inner, "", name, group))
            return name, inner
        return name, self.memory.paths.of_field(known, path, name)

    def named_value(self, pairs: tuple[tuple[Any, Any], ...], path: Path, group: int) -> None:
        """`{"name": "imei", "value": "..."}`: the value once more, under the name that its sender gave it."""
        found = dict(pair for pair in pairs if isinstance(pair[0], str))
        name = next((found[word] for word in _NAMING if word in found), None)
        if not isinstance(name, str) or not 0 < len(name) <= NAME:
            return
        for word in _VALUING:
            data = found.get(word)
            if isinstance(data, (str, int, float)) and not isinstance(data, bool) and data != "":
                self.emit(data, (*path, word) if word else path, name, group)
                return

    def integer(self, number: int, path: Path, key: str, group: int) -> None:
        if number.bit_length() <= _HUGE:
            self.emit(number, path, key, group)
        else:
            self.limit(path, number.bit_length() // 8, f"an integer of more than {_HUGE} bits")

    def blob(self, data: bytes, path: Path, key: str, group: int, depth: int) -> None:
        """Bytes inside a document of a binary format."""
        if not data:
            return
        words = is_utf8_text(data)
        if words is not None:
            self.text(words, path, key, group, depth)
        elif dress.understood(data) and depth < self.limits.depth:
            self.data(data, path, key, group, depth)
        elif len(data) <= _SMALL:
            self.emit(data, path, key, group)
        else:
            self.note(path, len(data), *looks.judge(data))

    def other(self, node: Any, path: Path, key: str, group: int, depth: int, nesting: int) -> None:
        """What only CBOR, MessagePack and property lists have: extensions around a value; dates, UUIDs, decimals, ...
        as text."""
        for wrapper, attribute in _WRAPPERS:
            if isinstance(node, wrapper):
                if nesting < self.limits.deepest(depth):
                    self.tree(getattr(node, attribute), path, key, group, depth, nesting + 1)
                return
        words = _label(node)
        if words:
            self.emit(words, path, key, group)

    # -- bytes -----------------------------------------------------------------------------------------------

    def data(
        self,
        data: bytes,
        path: Path,
        key: str,
        group: int,
        depth: int,
        kind: http.ContentType = http.NO_TYPE,
    ) -> None:
        """Bytes of which a content type may be known."""
        if not data:
            return
        if depth >= self.limits.depth:
            self.limit(path, len(data), f"{self.limits.depth} layers deep")
            return
        squeezed = compression.by_magic(data)
        if squeezed and self.unpack(data, squeezed, path, key, group, depth, kind):
            return
        media = kind.media
        for word, reader in _BY_MEDIA:
            if word in media and reader(self, data, path, key, group, depth, kind):
                return
        if data.startswith(b"bplist00"):
            if self.plist(data, path, key, group, depth, kind):
                return
        elif data.startswith(b"--") and self.multipart(data, path, key, group, depth, kind):
            return
        found = to_text(data, kind.charset, expect_text=media.startswith("text/") or bool(kind.charset))
        if found:
            inner = (*path, found.charset) if found.charset else path
            self.text(found.text, inner, key, group, depth, whole=True)
            return
        if not looks.media_type(data):
            for reader in _BY_TRIAL:
                if reader(self, data, path, key, group, depth, kind):
                    return
        self.unknown(data, path, depth)

    def unpack(
        self,
        data: bytes,
        how: tuple[str, compression.Decompressor],
        path: Path,
        key: str,
        group: int,
        depth: int,
        kind: http.ContentType,
        *,
        rest: tuple[str, ...] = (),
    ) -> bool:
        """One compressed stream, and the content codings under it; False if it is none."""
        name, decompress = how
        limits = self.limits
        room = min(self.unpacked, max(limits.free, limits.ratio * len(data)))
        if room <= 0:
            self.limit(path, len(data), f"more than {limits.unpacked} bytes unpacked")
            return True
        out = decompress(data, room)
        if out is None:
            return False
        inner = (*path, name)
        self.unpacked -= len(out.data)
        if out.trouble == "limit":
            self.limit(inner, len(data), f"unpacks to more than {room} bytes; the rest was not read")
        elif out.trouble:
            self.limit(inner, len(data), f"{out.trouble}: unpacked as far as it goes")
        if len(out.rest) > 8:
            self.note(inner, len(out.rest), "unknown", "follows the end of the compressed stream")
        self.encoded(out.data, rest, inner, key, group, depth + 1, kind)
        return True

    def encoded(
        self,
        data: bytes,
        encodings: tuple[str, ...],
        path: Path,
        key: str,
        group: int,
        depth: int,
        kind: http.ContentType,
    ) -> None:
        """Bytes with content codings, of which the last was applied last. One that does not fit was declared
        but not applied, or was undone by who captured it."""
        while encodings and data and depth < self.limits.depth:
            encodings, last = encodings[:-1], encodings[-1]
            how = compression.ENCODINGS.get(last)
            if how and self.unpack(data, how, path, key, group, depth, kind, rest=encodings):
                return
        self.data(data, path, key, group, depth, kind)

    def unknown(self, data: bytes, path: Path, depth: int) -> None:
        """Bytes that nothing decoded: noted, and in an unknown format the words in it are kept."""
        verdict, reason = looks.judge(data)
        self.note(path, len(data), verdict, reason)
        if verdict == "unknown" and not looks.media_type(data):
            group = self.new_group()
            for words in text.printable_runs(data[: self.limits.document], min(_RUNS, self.nodes)):
                self.nodes -= 1
                self.text(words, (*path, "strings"), "", group, depth + 1)

    # -- readers of one format each: whether it was that -----------------------------------------------------

    def json(self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType) -> bool:
        if len(data) > self.limits.document:
            return False
        parsed = None
        try:
            # Nearly always: and the parser looks at each character anyway.
            parsed = text.parse_json(data.decode(), self.nodes + 1)
        except UnicodeDecodeError:
            pass
        if parsed:
            inner = (*path, parsed[0])
        else:
            found = to_text(data, kind.charset, expect_text=True)
            parsed = text.parse_json(found.text, self.nodes + 1) if found else None
            if found is None or parsed is None:
                return False
            inner = found.path(path, parsed[0])
        self.tree(parsed[1], inner, key, group, depth + 1)
        return True

    def form(self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType) -> bool:
        if data[:1] in b"{[<" or b"=" not in data:
            return False
        found = to_text(data, kind.charset, expect_text=True)
        # Base64 is sent under this content type as well, and its padding looks like an empty value.
        if found is None or ("&" not in found.text and not found.text.partition("=")[2].strip("=\r\n")):
            return False
        pairs = http.parse_pairs(found.text.strip(), self.nodes + 1)
        self.tree(pairs, found.path(path, "form"), key, group, depth + 1)
        return True

    def multipart(
        self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType
    ) -> bool:
        boundaries = (kind.boundary, http.find_boundary(data))
        parts = next(
            (found for name in boundaries if (found := http.parse_multipart(data, name, self.nodes + 1))),
            None,
        )
        if parts is None:
            return False
        group = self.new_group()
        self.charge(path, len(parts))
        for part in parts:
            name = part.name[:NAME]
            inner = (*path, "multipart", name) if name else (*path, "multipart")
            if part.filename:
                self.text(part.filename, (*inner, "filename"), "filename", group, depth + 1)
            declared = self.memory.content_types[part.content_type]
            if part.encoding == "base64":
                declared = http.ContentType("text/plain")
            self.encoded(part.data, codings(part.encoding), inner, name, group, depth + 1, declared)
        return True

    def xml(self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType) -> bool:
        if len(data) > self.limits.document or data.lstrip()[:1] != b"<":
            return False
        if b"<plist" in data[:1000] and self.plist(data, path, key, group, depth, kind):
            return True
        found = text.parse_xml(data, self.nodes + 1, self.limits.nesting)
        if found is None:
            return False
        self.tree(found[0], (*path, "xml"), key, group, depth + 1)
        if not found[1]:
            self.limit((*path, "xml"), len(data), _IN_PART)
        return True

    def plist(self, data: bytes, path: Path, key: str, group: int, depth: int, _: http.ContentType) -> bool:
        return self.parsed(binary.parse_plist, "plist", data, path, key, group, depth)

    def cbor(self, data: bytes, path: Path, key: str, group: int, depth: int, _: http.ContentType) -> bool:
        return self.parsed(binary.parse_cbor, "cbor", data, path, key, group, depth)

    def msgpack(self, data: bytes, path: Path, key: str, group: int, depth: int, _: http.ContentType) -> bool:
        return self.parsed(binary.parse_msgpack, "msgpack", data, path, key, group, depth)

    def parsed(
        self,
        parse: Callable[[bytes], Any],
        name: str,
        data: bytes,
        path: Path,
        key: str,
        group: int,
        depth: int,
    ) -> bool:
        """A format of which the parser builds the whole tree."""
        tree = parse(data) if len(data) * 4 <= self.limits.document else None
        if tree is None:
            return False
        self.tree(tree, (*path, name), key, group, depth + 1)
        return True

    def grpc(self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType) -> bool:
        frames = binary.parse_grpc(data, self.nodes + 1)
        if frames is None:
            return False
        self.charge(path, len(frames))
        inner = (*path, "grpc")
        # What frames hold is told by the second half of the type: application/grpc+json.
        declared = http.ContentType(kind.media.partition("+")[2] or "protobuf")
        for flag, message in frames:
            if flag & 128:
                self.data(message, (*inner, "trailers"), "", self.new_group(), depth + 1)
            elif flag & 1:
                how = compression.by_magic(message) or compression.ENCODINGS["deflate"]
                if not self.unpack(message, how, inner, key, group, depth + 1, declared):
                    self.unknown(message, inner, depth + 1)
            else:
                self.data(message, inner, key, group, depth + 1, declared)
        return True

    def bare_grpc(
        self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType
    ) -> bool:
        """gRPC that was not announced: the lengths must add up."""
        return binary.grpc_adds_up(data) and self.grpc(data, path, key, group, depth, kind)

    def announced_protobuf(
        self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType
    ) -> bool:
        fields = self.try_message(data)
        if fields is None:
            return self.delimited(data, path, key, group, depth, kind)
        self.message(fields, (*path, "protobuf"), "", depth + 1, 0)
        return True

    def protobuf(
        self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType
    ) -> bool:
        fields = self.try_message(data)
        if fields is None:
            return self.delimited(data, path, key, group, depth, kind)
        if len(data) < _LEAST_MESSAGE or not binary.plausible(fields, len(data)):
            return False
        self.message(fields, (*path, "protobuf"), "", depth + 1, 0)
        return True

    def delimited(
        self, data: bytes, path: Path, key: str, group: int, depth: int, _: http.ContentType
    ) -> bool:
        pieces = (
            binary.parse_delimited(data, self.nodes + 1) if len(data) * 4 <= self.limits.document else None
        )
        for piece in pieces or ():
            fields = self.try_message(piece)
            if fields is not None:
                self.message(fields, (*path, "delimited", "protobuf"), "", depth + 1, 0)
        return pieces is not None

    def coap(self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType) -> bool:
        """A CoAP request, which is a datagram by itself."""
        found = coap.parse_request(data) if path == ("content",) else None
        if found is None:
            return False
        self.charge(path, 3)
        inner = (*path, "coap")
        group = self.new_group()
        if found.path:
            self.text(found.path, (*inner, "path"), "", group, depth + 1)
        self.tree(http.parse_pairs(found.query, self.nodes + 1), (*inner, "query"), "", group, depth + 1)
        self.data(found.payload, (*inner, "payload"), "", group, depth + 1)
        return True

    def embedded_json(
        self, data: bytes, path: Path, key: str, group: int, depth: int, _: http.ContentType
    ) -> bool:
        """JSON inside a binary frame, as behind a CoAP or MQTT header or a length."""
        start = data.find(b'{"')
        end = data.rfind(b"}") + 1
        if start < 0 or end <= start or end - start > self.limits.document:
            return False
        found = to_text(data[start:end])
        parsed = text.parse_json(found.text, self.nodes + 1) if found else None
        if parsed is None:
            return False
        self.tree(parsed[1], (*path, parsed[0]), key, group, depth + 1)
        left = len(data) - (end - start)
        if left > _SMALL:
            self.note(path, left, "unknown", "stands around JSON")
        return True

    def unmarked_stream(
        self, data: bytes, path: Path, key: str, group: int, depth: int, kind: http.ContentType
    ) -> bool:
        """A format of compression that begins with no mark, whole, with text inside."""
        room = min(self.unpacked, max(self.limits.free, self.limits.ratio * len(data)))
        for name, decompress in compression.UNMARKED:
            out = decompress(data, room) if room > 0 else None
            if out and not out.trouble and not out.rest and len(out.data) >= 12 and is_utf8_text(out.data):
                return self.unpack(data, (name, decompress), path, key, group, depth, kind)
        return False

    # -- protobuf --------------------------------------------------------------------------------------------

    def try_message(self, data: bytes) -> list[binary.Field] | None:
        """The fields of a message; None if it is none, or if no more may be tried."""
        return self.parse(data) if binary.begins_message(data) else None

    def parse(self, data: bytes) -> list[binary.Field] | None:
        """As `try_message`, of bytes that begin as a message can."""
        work = self.work
        if work <= 0:
            return None
        fields: list[binary.Field] = []
        nodes = self.nodes
        if binary.read_fields(data, 0, nodes if nodes < work else work, 0, fields) == len(data):
            self.work = work - len(fields)
            return fields
        # How far a failed attempt went is not known; mostly it is a few fields.
        self.work = work - 1 - min(len(data) // 64, nodes)
        return None

    def message(self, fields: list[binary.Field], path: Path, numbers: str, depth: int, nesting: int) -> None:
        """The fields of one message; `numbers` are those of the messages around it, each followed by a dot."""
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
            if wire == binary.LENGTH:
                if not content:
                    continue
                if (
                    content[0] > 31
                    and content.isascii()
                    and len(content) <= LONGEST_PLAIN
                    and (words := content.decode("ascii")).isprintable()
                    and (len(words) < SHORTEST or PLAIN(words))
                    and not binary.text_like_message(content)
                ):
                    append(_make(Value, (inner, key, words, group)))
                else:
                    self.bytes_field(content, path, inner, group, depth, nesting)
            elif wire == binary.VARINT:
                # An int64 below zero is sent as its two's complement.
                data = content - (1 << 64) if content > 0x7FFFFFFFFFFFFFFF else content
                append(_make(Value, (inner, key, data, group)))
            elif wire == binary.GROUP:
                self.message(content, path, key + ".", depth, nesting + 1)
            else:
                append(_make(Value, (inner, key, int.from_bytes(content, "little"), group)))
                real = binary.as_double(content) if wire == binary.FIXED64 else binary.as_float(content)
                if real is not None:
                    append(_make(Value, (inner, key, real, group)))
        if size == 2 and fields[0][0] == 1 and fields[1][0] == 2 and nesting:
            self.map_entry(fields, path, numbers, group)

    def map_entry(self, fields: list[binary.Field], path: Path, numbers: str, group: int) -> None:
        """An entry of a map is a message of a key, 1, and a value, 2 (protobuf.dev, encoding of maps): the value once
        more, under the name that its sender gave it."""
        (_, wire, name), (_, kind, content) = fields
        if wire != binary.LENGTH or not _MAP_NAME(name):
            return
        if kind == binary.LENGTH:
            words = is_utf8_text(content) if content else None
            if words is None or len(words) > LONGEST_PLAIN:
                return
            content = words
        elif kind != binary.VARINT:
            return
        self.emit(content, (*path, f"{numbers}2"), name.decode("ascii"), group)

    def bytes_field(
        self, content: bytes, path: Path, inner: Path, group: int, depth: int, nesting: int
    ) -> None:
        """A length-delimited field, at `inner`, of a message at `path`: message, text, packed numbers, or bytes."""
        key = inner[-1]
        first = content[0]
        size = len(content)
        words = None if first in _NOT_IN_TEXT else is_utf8_text(content)
        if (
            first in binary.BEGINNINGS
            and (words is None or binary.text_like_message(content))
            and binary.begins_message(content)
        ):
            fields = self.parse(content)
            if fields and words is not None and not binary.only_texts(fields):
                fields = None
            if fields and binary.plausible(fields, size):
                if size <= 32 and words is None and not any(field[1] == binary.LENGTH for field in fields):
                    # A few numbers can be a digest or an address as well: both views are given.
                    self.emit(content, inner, key, group)
                self.message(fields, path, key + ".", depth, nesting + 1)
                return
        if words is not None:
            self.text(words, inner, key, group, depth)
            return
        packed = binary.as_packed(content) if size <= _PACKED and binary.may_be_packed(content) else None
        if packed and len(packed) <= self.nodes:
            self.nodes -= len(packed)
            for number in packed:
                self.emit(number, inner, key, group)
        elif size <= _LEAF and not (first in compression.FIRST and compression.by_magic(content)):
            self.values.append(_make(Value, (inner, key, content, group)))
        else:
            self.data(content, inner, key, group, depth)


_Reader = Callable[[Run, bytes, Path, str, int, int, http.ContentType], bool]

_BY_MEDIA: tuple[tuple[str, _Reader], ...] = (
    ("json", Run.json),
    ("x-www-form-urlencoded", Run.form),
    ("multipart/", Run.multipart),
    ("grpc", Run.grpc),
    ("protobuf", Run.announced_protobuf),
    ("plist", Run.plist),
    ("xml", Run.xml),
    ("cbor", Run.cbor),
    ("msgpack", Run.msgpack),
)
"""A part of a content type, and what reads it; whatever they refuse is told by its looks."""

_BY_TRIAL: tuple[_Reader, ...] = (
    Run.coap,
    Run.bare_grpc,
    Run.msgpack,
    Run.cbor,
    Run.protobuf,
    Run.unmarked_stream,
    Run.embedded_json,
)
"""What is tried on bytes that are no text, in order: the first ones refuse most."""


_WRAPPERS: tuple[tuple[type, str], ...] = ((ExtType, "data"), (UID, "data"))


def _label(name: Any) -> str:
    """A name that is no text, as CBOR and MessagePack allow."""
    if isinstance(name, bytes):
        return name[:NAME].decode("utf-8", "backslashreplace")
    try:
        return str(name)[:NAME]
    except (ValueError, ArithmeticError, RecursionError):
        return "?"


def codings(value: str) -> tuple[str, ...]:
    """The content codings of a header, in the order in which they were applied."""
    return tuple(word.strip() for word in value.lower().split(",")[:8]) if value else ()
