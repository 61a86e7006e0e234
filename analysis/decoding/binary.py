"""Binary documents of which a parser gives the whole tree: CBOR, MessagePack, binary property lists; ZIP archives; JSON
in a binary frame; compression without a mark.

Strategy: none of these formats begins with a mark that others lack (but for the property list), and each accepts
bytes that were never meant to be it. So what a parser accepts is believed only if it consumed all bytes
and looks like something that a program would send. How often chance passes is measured in the tests.
"""

import re
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, NoReturn
from zipfile import ZipFile

import cbor2
import msgpack

from phonehome.analysis.decoding.charset import is_utf8_text, to_text
from phonehome.analysis.decoding.compression import UNMARKED
from phonehome.analysis.decoding.paths import NAME
from phonehome.analysis.decoding.pieces import Inner, Note, Parts, Piece, Reader, one
from phonehome.analysis.decoding.text import Tree, parse_json

_SURE = 16
"""Bytes of the shortest document that is told without having been announced."""


def _refuse(*_: object) -> NoReturn:
    raise ValueError("refused")


_REFUSED = {28: _refuse, 29: _refuse, 35: _refuse, 36: _refuse}
"""CBOR tags that are not followed: shared references (one byte stands for a tree, or for itself), and regular
expressions and MIME messages, which cbor2 would compile and parse."""

_NESTING = 100
"""Containers inside one another in CBOR."""

_TEXT_KEY = re.compile(r"[\w .:/$@\-]{1,200}\Z")


def _named(tree: Tree, depth: int = 3) -> bool:
    """Whether a tree holds an object with at least one readable name: what a program sends has names."""
    if type(tree) is tuple:  # and not an extension type of MessagePack, which is derived from tuple
        named = sum(1 for pair in tree if isinstance(pair[0], str) and _TEXT_KEY.match(pair[0]))
        return named > 0 and named * 2 >= len(tree)
    if isinstance(tree, list) and depth:
        return any(_named(item, depth - 1) for item in tree[:20])
    return False


def parse_cbor(data: bytes) -> Tree | None:
    """CBOR (RFC 8949) with a map or an array outermost and readable names in it; None if it is not that."""
    if not data or data[0] >> 5 not in (4, 5, 6):
        return None
    source = BytesIO(data)
    try:
        tree = cbor2.CBORDecoder(source, semantic_decoders=_REFUSED, max_depth=_NESTING).decode()
    except (
        Exception
    ):  # the library raises its own errors and those of the constructors of dates, decimals, ...
        return None
    if source.tell() != len(data):
        return None
    tree = _settled(tree)
    return tree if _named(tree) else None


def _settled(node: Any) -> Tree:
    """A tree in the types that all trees are made of. Inside a tag, cbor2 gives maps and arrays of other types."""
    if isinstance(node, Mapping):
        return tuple((name, _settled(inner)) for name, inner in node.items())
    if isinstance(node, (list, tuple, set, frozenset)):
        return [_settled(inner) for inner in node]
    return _settled(node.value) if isinstance(node, cbor2.CBORTag) else node


def parse_msgpack(data: bytes) -> Tree | None:
    """MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) with a map or an array outermost and
    readable names in it; None if it is not that."""
    if not data or not (0x80 <= data[0] <= 0x9F or 0xDC <= data[0] <= 0xDF):
        return None
    try:
        tree = msgpack.unpackb(
            data, strict_map_key=False, object_pairs_hook=tuple, raw=False, unicode_errors="backslashreplace"
        )
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException):
        return None
    return tree if _named(tree) else None


_MAPS: dict[int, Callable[[bytes], Tree | None]] = {
    **dict.fromkeys((*range(0x82, 0x90), 0xDE, 0xDF), parse_msgpack),
    **dict.fromkeys((*range(0xA2, 0xC0),), parse_cbor),
}
"""First bytes of maps of two and more (MessagePack: fixmap, map 16, map 32; CBOR: RFC 8949 3, major type 5)."""


def surely_map(data: bytes) -> bool:
    """Whether bytes that nobody announced are a map of CBOR or MessagePack with at least two readable names."""
    parse = _MAPS.get(data[0]) if len(data) >= _SURE else None
    tree = parse(data) if parse else None
    return (
        isinstance(tree, tuple)
        and len(tree) > 1
        and all(isinstance(name, str) and name.isprintable() for name, _ in tree)
    )


def parse_plist(data: bytes) -> Tree | None:
    """A property list, binary or XML; None if it is none."""
    import plistlib  # few captures hold one
    from xml.parsers.expat import ExpatError

    try:
        return plistlib.loads(data)
    except (
        plistlib.InvalidFileException,
        ValueError,
        TypeError,
        LookupError,  # also of an encoding that an XML declaration names
        AttributeError,
        OverflowError,
        RecursionError,
        MemoryError,
        ExpatError,
    ):
        return None


def _document(name: str, parse: Callable[[bytes], Tree | None]) -> Reader:
    """A reader of a format of which the parser builds the whole tree."""

    def read(piece: Piece) -> Parts | None:
        tree = parse(piece.data) if len(piece.data) * 4 <= piece.budget.limits.document else None
        return None if tree is None else one((name,), tree)

    return read


read_plist = _document("plist", parse_plist)


def read_xml_plist(piece: Piece) -> Parts | None:
    """A property list that was sent as XML."""
    return read_plist(piece) if b"<plist" in piece.data[:1000] else None


read_cbor = _document("cbor", parse_cbor)
read_msgpack = _document("msgpack", parse_msgpack)

_STORED, _DEFLATED = 0, 8
"""Methods of ZIP (APPNOTE.TXT 4.4.5) that are undone; LZMA can ask for any amount of memory."""


def read_zip(piece: Piece) -> Parts | None:
    """The files of a ZIP archive, each under its name."""
    budget = piece.budget
    try:
        archive = ZipFile(BytesIO(piece.data))
    except Exception:  # the library raises its own errors and those of what it reads with
        return None
    parts: list[Inner] = []
    notes: list[Note] = []
    for info in archive.infolist()[: max(0, budget.nodes)]:
        name, data, room = info.filename[:NAME], b"", budget.room(info.compress_size)
        trouble = "not a method that is undone" if info.compress_type not in (_STORED, _DEFLATED) else ""
        if not trouble and room > 0:
            try:
                with archive.open(info) as file:
                    data = file.read(room)
                    trouble = (
                        f"unpacks to more than {room} bytes; the rest was not read" if file.read(1) else ""
                    )
            except Exception:  # a password, damage
                trouble = "damaged or encrypted"
        budget.unpacked -= len(data)
        parts += [Inner(("zip", name), data, name)] if data else []
        notes += [Note(("zip", name), info.compress_size, "limit", trouble)] if trouble else []
    return Parts(tuple(parts), tuple(notes))


_SMALL = 64
"""Bytes around JSON that are the frame of it."""


def read_embedded_json(piece: Piece) -> Parts | None:
    """JSON inside a binary frame, as behind a CoAP or MQTT header or a length."""
    data = piece.data
    start = data.find(b'{"')
    end = data.rfind(b"}") + 1
    if start < 0 or end <= start or end - start > piece.budget.limits.document:
        return None
    found = to_text(data[start:end])
    parsed = parse_json(found.text, piece.budget.nodes + 1) if found else None
    if parsed is None:
        return None
    left = len(data) - (end - start)
    notes = (Note((), left, "unknown", "stands around JSON"),) if left > _SMALL else ()
    return Parts((Inner((parsed[0],), parsed[1]),), notes)


def read_unmarked_stream(piece: Piece) -> Parts | None:
    """A format of compression that begins with no mark, whole, with text inside."""
    room = piece.budget.room(len(piece.data))
    for name, decompress in UNMARKED:
        out = decompress(piece.data, room) if room > 0 else None
        if out and not out.trouble and not out.rest and len(out.data) >= 12 and is_utf8_text(out.data):
            piece.budget.unpacked -= len(out.data)
            return Parts((Inner((name,), out.data, kind=piece.kind),))
    return None
