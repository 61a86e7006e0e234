"""Documents of text: JSON in its forms, XML, lines of pairs. Each parser gives a tree.

Strategy: the strict parsers of the libraries first, since nearly all that phones send is whole; after that, expressions
that take what they can from what is cut off or damaged.

A tree is a tuple of (name, tree) pairs for an object, a list for an array, or a leaf. Pairs rather than a
dictionary keep a name that is written twice, of which another parser would show only the last.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from phonehome.analysis.decoding.charset import to_text
from phonehome.analysis.decoding.pieces import IN_PART, Inner, Note, Parts, Piece, Words, one

Tree = Any
"""tuple of (name, Tree) pairs | list of Tree | str | int | float | bytes | bool | None."""


def _nothing(_: str) -> None:
    """NaN and Infinity, which JSON does not have (RFC 8259 6), identify nobody."""


_JSON = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=_nothing)
_JSON_LONG = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=_nothing, parse_int=str)
"""For documents with integers that are longer than Python converts; they come out as text."""

_BETWEEN = re.compile(r"[\s,\x00\x1e]*")
"""What stands between JSON documents in one body: line breaks, commas, RFC 7464's record separator."""


def _scan(document: str, start: int) -> tuple[Tree, int] | None:
    try:
        return _JSON.raw_decode(document, start)
    except json.JSONDecodeError:
        return None
    except ValueError:
        pass
    except RecursionError:
        return None
    try:
        return _JSON_LONG.raw_decode(document, start)
    except (ValueError, RecursionError):
        return None


def parse_json(document: str, most: int) -> tuple[str, Tree] | None:
    """One JSON document, or up to `most` of them one after the other, by name of the form (`json`, or
    `ndjson` if each stands on its own line) and as a tree (a list, for several). None if it is not JSON.
    Only objects, arrays, and text that holds one of these count: a bare number or word is not taken for JSON."""
    start = _BETWEEN.match(document)
    position = start.end() if start else 0
    if document[position : position + 1] not in ("{", "[", '"'):
        return None
    trees: list[Tree] = []
    lines = True
    size = len(document)
    while position < size and len(trees) < most:
        found = _scan(document, position)
        if found is None or not isinstance(found[0], (tuple, list, str)):
            return None
        trees.append(found[0])
        gap = _BETWEEN.match(document, found[1])
        position = gap.end() if gap else found[1]
        lines = lines and (position >= size or "\n" in document[found[1] : position])
    if len(trees) == 1:
        return None if isinstance(trees[0], str) and trees[0][:1] not in ("{", "[") else ("json", trees[0])
    if not all(isinstance(tree, (tuple, list)) for tree in trees):
        return None
    return ("ndjson" if lines else "json", trees)


_FRAME = re.compile(r"[^\[{]{0,16}(?=\[|\{)")


def framed_json(document: str) -> Tree | None:
    """JSON behind a few characters of a protocol's own (Socket.IO's `42[...]`, `data=`, a length); None if none."""
    head = _FRAME.match(document)
    if not head or not head.end():
        return None
    found = _scan(document, head.end())
    if found is None or not found[0] or document[found[1] :].strip(" \t\r\n\x00)];"):
        return None
    return found[0]


_PIECE = re.compile(
    r'[{}]|"([^"\\]{1,200})"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?))'
)


_LENIENT = re.compile(
    r"[{}]|(?:\"([^\"\\]{1,200}+)\"|'([^'\\]{1,200}+)'|(?<![\w$.-])([A-Za-z_$][\w$.-]{0,200}+))\s*+:\s*+"
    r"(?:\"((?:[^\"\\]|\\.)*+)\"|'((?:[^'\\]|\\.)*+)'|(-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?))"
)


def broken_json(document: str, most: int) -> Tree | None:
    """What can be read of JSON that was cut off, damaged, or is too long to be parsed: its names with texts and
    numbers, one object for each pair of braces, up to `most` of them. None if there is none."""
    return _objects(_PIECE.finditer(document), most)[0]


def lenient_json(document: str, start: int, most: int) -> tuple[Tree | None, int]:
    """JSON, or what can be read of JSON5, from a position on; and where it ends."""
    return _scan(document, start) or _objects(_LENIENT.finditer(document, start), most)


def _objects(pieces: Iterator[re.Match[str]], most: int) -> tuple[Tree | None, int]:
    """Braces, and names with values (of which each has one group that is not None), as a list of objects."""
    objects: list[list[tuple[str, Tree]]] = []
    stack: list[list[tuple[str, Tree]]] = []
    end = 0
    for match in islice(pieces, most):
        end = match.end()
        brace = match[0]
        if brace == "{":
            stack.append([])
            objects.append(stack[-1])
        elif brace == "}":
            if stack:
                stack.pop()
        elif stack:
            *_, name, found = [group for group in match.groups() if group is not None]
            number = found == match.groups()[-1]
            stack[-1].append((name, _number(found) if number else _unescape(found)))
    kept = [tuple(pairs) for pairs in objects if pairs]
    return kept or None, end


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _number(digits: str) -> int | float:
    return int(digits) if digits.lstrip("-").isdigit() else float(digits)


class _TooMuch(Exception):
    """More elements, or deeper ones, than were asked for."""


class _Pairs:
    """A target for the XML parser that keeps names, attributes and text, and no more of them than it may."""

    def __init__(self, most: int, nesting: int) -> None:
        self.most = most
        self.nesting = nesting
        self.root: list[tuple[str, Tree]] = []
        self.stack: list[tuple[str, list[tuple[str, Tree]], list[str]]] = []
        self.cut = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.most -= 1 + len(attributes)
        if self.most < 0 or len(self.stack) >= self.nesting:
            raise _TooMuch
        self.stack.append((_local(tag), [(_local(name), value) for name, value in attributes.items()], []))

    def data(self, text: str) -> None:
        if self.stack:
            self.stack[-1][2].append(text)

    def end(self, _: str) -> None:
        tag, pairs, texts = self.stack.pop()
        text = "".join(texts).strip()
        if text and pairs:
            pairs.append(("", text))
        node: Tree = tuple(pairs) if pairs else text
        (self.stack[-1][1] if self.stack else self.root).append((tag, node))

    def close(self) -> Tree:
        """The tree; of elements that were not ended, what they held so far."""
        self.cut = bool(self.stack)
        while self.stack:
            self.end("")
        return tuple(self.root)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def parse_xml(document: str | bytes, most: int, nesting: int) -> tuple[Tree, bool] | None:
    """XML as a tree of at most `most` elements and attributes, and whether that is all of it. None if it is not XML.
    Documents that declare entities are refused (they can grow without bound), so they are no XML here."""
    from xml.parsers.expat import ExpatError  # a start would wait for it, and few captures hold any

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    target = _Pairs(most, nesting)
    parser = DefusedXMLParser(target=target)
    whole = True
    try:
        parser.feed(document)
        tree = parser.close()
    except (_TooMuch, ExpatError, SyntaxError):
        whole = False
        tree = target.close()
        # HTML, and text that happens to begin with "<", breaks at once; a captured document that was cut
        # off has gone some way before.
        if not any(isinstance(node, tuple) and node for _, node in tree):
            return None
    except (DefusedXmlException, ValueError, LookupError):
        return None
    return (tree, whole) if tree else None


_LINE = re.compile(r"\s*([A-Za-z_][\w.\-]{0,63})\s*[=:]\s*(\S.*)?\Z")


def parse_lines(document: str, most: int) -> Tree | None:
    """Lines of `name=value` or `name: value` as an object, other lines under no name; None unless most lines
    are such pairs."""
    lines = [line for line in document.split("\n", most) if line.strip()][:most]
    pairs: list[tuple[str, Tree]] = []
    named = 0
    for line in lines:
        match = _LINE.match(line)
        if match:
            named += 1
            pairs.append((match.group(1), (match.group(2) or "").strip()))
        else:
            pairs.append(("", line.strip()))
    return tuple(pairs) if len(lines) > 1 and named * 5 >= len(lines) * 4 else None


_RUN = re.compile(rb"[\x20-\x7e]{12,}")


def printable_runs(data: bytes, most: int) -> Iterator[str]:
    """Runs of 12 or more printable ASCII characters in a format that is not known, at most `most`: shorter
    ones are as often chance, and no identifier that can be told by its shape is shorter."""
    for match in _RUN.finditer(data):
        if most <= 0:
            return
        most -= 1
        yield match.group().decode("ascii")


def read_json(piece: Piece) -> Parts | None:
    """JSON, in whatever charset."""
    most = piece.budget.nodes + 1
    if len(piece.data) > piece.budget.limits.document:
        return None
    try:
        # Nearly always: and the parser looks at each character anyway.
        parsed = parse_json(piece.data.decode(), most)
    except UnicodeDecodeError:
        parsed = None
    if parsed:
        return one((parsed[0],), parsed[1])
    found = to_text(piece.data, piece.kind.charset, expect_text=True)
    parsed = parse_json(found.text, most) if found else None
    return one((*found.steps, parsed[0]), parsed[1]) if found and parsed else None


def read_xml(piece: Piece) -> Parts | None:
    """XML, whole or in part."""
    budget, data = piece.budget, piece.data
    if len(data) > budget.limits.document or data.lstrip()[:1] != b"<":
        return None
    found = parse_xml(data, budget.nodes + 1, budget.limits.nesting)
    if found is None:
        return None
    notes = () if found[1] else (Note(("xml",), len(data), "limit", IN_PART),)
    return Parts((Inner(("xml",), found[0]),), notes)


def read_broken(words: Words) -> Parts | None:
    """A document that no parser takes as a whole: as much of it as can be read. A value is no document, and can be a
    word in brackets."""
    first = words.text.lstrip()[:1] if words.whole else ""
    part = words.text[: words.budget.limits.document]
    if first in ("{", "["):
        name, tree = "json", broken_json(part, words.budget.nodes)
    elif first == "<":
        found = parse_xml(part, words.budget.nodes, words.budget.limits.nesting)
        name, tree = "xml", found[0] if found else None
    else:
        return None
    if tree is None:
        return None
    return Parts((Inner((name,), tree),), (Note((name,), len(words.text), "limit", IN_PART),))


def read_lines(words: Words) -> Parts | None:
    """Lines that are pairs."""
    if "\n" not in words.text or len(words.text) > words.budget.limits.document:
        return None
    tree = parse_lines(words.text, words.budget.nodes + 1)
    return None if tree is None else Parts((Inner(("lines",), tree, ""),))
