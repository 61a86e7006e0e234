"""Protobuf without a schema, and gRPC.

Strategy: a message says of each field only its number and its length, so nearly any bytes begin as one. What is read to
the end is believed if its numbers are those that a serialiser would write, or if it holds text. How often chance
passes is measured in the tests. Fields are what a reader gives; the engine walks them.
"""

from struct import Struct
from typing import Any, NamedTuple

from phonehome.analysis.decoding.charset import is_utf8_text
from phonehome.analysis.decoding.compression import by_magic
from phonehome.analysis.decoding.pieces import Budget, ContentType, Inner, Parts, Piece, one

VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = 0, 1, 2, 3, 4, 5
"""Wire types: https://protobuf.dev/programming-guides/encoding/"""

Field = tuple[int, int, Any]
"""Number, wire type, content: an integer (varint, unsigned), 8 or 4 bytes, bytes, or a list of fields (group)."""

_MOST_NUMBER = 30_000
"""Field numbers that programs use; the format allows 2^29 - 1. Extensions of Google's logs reach 20,000."""

_GROUPS = 16
"""Groups inside one another."""

_LEAST = 8
"""Bytes of the shortest message that is recognised without having been announced."""


class Message(NamedTuple):
    """A message that is to be walked."""

    fields: list[Field]


BEGINNINGS = frozenset(tag for tag in range(8, 256) if tag & 7 in (VARINT, FIXED64, LENGTH, GROUP, FIXED32))
"""First bytes that a message can have: a tag of a field number that is not 0, or the first byte of a longer tag."""


def begins_message(data: bytes) -> bool:
    """Whether the first bytes can be those of a message: cheap, and true of a third of random bytes."""
    size = len(data)
    if size < 2 or (tag := data[0]) not in BEGINNINGS:
        return False
    return tag > 127 or tag & 7 != LENGTH or data[1] > 127 or data[1] <= size - 2


def parse_message(data: bytes, most: int) -> list[Field] | None:
    """The fields of one protobuf message, not looking into what they hold; None if the bytes are none, or are
    more than `most` fields."""
    fields: list[Field] = []
    end = read_fields(data, 0, most, 0, fields)
    return fields if end == len(data) else None


def read_fields(data: bytes, position: int, most: int, group: int, fields: list[Field]) -> int:
    """Fields from a position on, up to the end or the end of the group; gives the position after, or -1."""
    size = len(data)
    append = fields.append
    try:
        while position < size:
            if most <= 0:
                return -1
            most -= 1
            tag = data[position]
            position += 1
            if tag > 127:
                tag, position = _varint(data, position - 1)
            number = tag >> 3
            if not 0 < number <= _MOST_NUMBER:
                return -1
            wire = tag & 7
            if wire == LENGTH:
                length = data[position]
                position += 1
                if length > 127:
                    length, position = _varint(data, position - 1)
                end = position + length
                if end > size:
                    return -1
                append((number, LENGTH, data[position:end]))
                position = end
            elif wire == VARINT:
                value = data[position]
                position += 1
                if value > 127:
                    # As `_varint`, here because most fields of telemetry are times and ids.
                    value &= 127
                    shift = 7
                    while (byte := data[position]) > 127:
                        value |= (byte & 127) << shift
                        shift += 7
                        position += 1
                        if shift > 63:
                            return -1
                    if not byte:
                        return -1
                    position += 1
                    value = (value | byte << shift) & 0xFFFFFFFFFFFFFFFF
                append((number, VARINT, value))
            elif wire in (FIXED64, FIXED32):
                end = position + (8 if wire == FIXED64 else 4)
                if end > size:
                    return -1
                append((number, wire, data[position:end]))
                position = end
            elif wire == GROUP:
                depth = group >> 32
                if depth >= _GROUPS:
                    return -1
                inner: list[Field] = []
                position = read_fields(data, position, most, (depth + 1) << 32 | number, inner)
                if position < 0:
                    return -1
                most -= len(inner)
                append((number, GROUP, inner))
            elif wire == GROUP_END and group and number == group & 0xFFFFFFFF:
                return position
            else:
                return -1
    except (IndexError, ValueError):
        return -1
    return -1 if group else position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """An unsigned varint and the position after it. Raises ValueError for what no encoder writes: more than
    ten bytes, or a last byte of zero; IndexError at the end of the bytes."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if not byte:
                raise ValueError("not minimal")
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift > 63:
            raise ValueError("too long")


def plausible(fields: list[Field], size: int) -> bool:
    """Whether a program could have meant these fields of a message of `size` bytes.

    Serialisers write fields by number, so numbers that jump back and forth speak against it, as do large numbers
    in a short message; text inside speaks for it."""
    if not fields:
        return False
    most = falls = last = 0
    for field in fields:
        number = field[0]
        if number < last:
            falls += 1
        elif number > most:
            most = number
        last = number
    if most <= 15 + size // 2 and falls <= len(fields) // 8:
        return True
    if falls > 1 + len(fields) // 4:
        return False
    texts = sum(
        len(content)
        for _, wire, content in fields
        if wire == LENGTH and len(content) >= 4 and is_utf8_text(content) is not None
    )
    return texts * 8 >= size and (most <= 5000 or texts * 2 >= size)


_SURE = 16
"""Bytes of the shortest message that is told under an encoding."""


def surely_message(data: bytes) -> bool:
    """Whether bytes that nobody announced are a protobuf message: all consumed, plausible, and at least a quarter
    of it is text inside fields."""
    if len(data) < _SURE:
        return False
    fields = parse_message(data, len(data))
    return (
        bool(fields) and plausible(fields or [], len(data)) and _text_share(fields or [], 4) * 4 >= len(data)
    )


def _text_share(fields: list[Field], depth: int) -> int:
    """Bytes of text in fields, and in messages inside them down to a depth."""
    share = 0
    for _, wire, content in fields:
        if wire == GROUP:
            share += _text_share(content, depth - 1) if depth else 0
        elif wire == LENGTH and len(content) >= 4:
            if is_utf8_text(content) is not None:
                share += len(content)
            elif depth:
                inner = parse_message(content, len(content))
                share += _text_share(inner, depth - 1) if inner else 0
    return share


_TEXT_TAGS = b'\n"*:'
_TEXT_LENGTHS = b"$("


def text_like_message(data: bytes) -> bool:
    """Whether printable bytes begin as a message of one text does: a message that holds only a UUID is printable,
    because its tag is a line break or a quotation mark and its length, 36, is a dollar sign."""
    size = len(data)
    return (
        size > 9
        and data[0] & 7 == LENGTH
        and (data[0] in _TEXT_TAGS or data[1] in _TEXT_LENGTHS)
        and (data[1] == size - 2 or (data[1] < size - 2 and data[2 + data[1]] & 7 in (0, 2)))
    )


def only_texts(fields: list[Field]) -> bool:
    """Whether each field is a text of four bytes or more."""
    return all(
        wire == LENGTH and len(content) >= 4 and is_utf8_text(content) is not None
        for _, wire, content in fields
    )


_DOUBLE = Struct("<d")
_FLOAT = Struct("<f")


def as_double(eight: bytes) -> float | None:
    """Eight bytes as a double, if it is one that a person would write; of random bytes 3 % are."""
    value = float(_DOUBLE.unpack(eight)[0])
    return value if 1e-6 <= abs(value) <= 1e12 else None


def as_float(four: bytes) -> float | None:
    """Four bytes as a float, to the digits that it has, if it is one that a person would write."""
    value = float(_FLOAT.unpack(four)[0])
    if not 1e-4 <= abs(value) <= 1e7:
        return None
    return float(f"{value:.7g}")


_DOUBLES = frozenset(range(0x3E, 0x43))
_FLOATS = frozenset(range(0x38, 0x4C))
"""Highest bytes, without the sign, of numbers that `as_double` and `as_float` take."""


def may_be_packed(data: bytes) -> bool:
    """Whether `as_packed` is worth asking: what it takes begins and ends so."""
    size = len(data)
    if (
        size >= 16
        and not size & 3
        and (data[3] & 127 in _FLOATS or (not size & 7 and data[7] & 127 in _DOUBLES))
    ):
        return True
    return size >= 8 and data[0] > 127 < data[1] and data[2] > 127 > data[-1]


def as_packed(data: bytes) -> list[int | float] | None:
    """A packed field of numbers, if it can hardly be anything else: two or more doubles, floats, or
    varints of four bytes and more that are about equally long (times, ids). What can be doubles as well as floats
    is given as both. Asks for `may_be_packed`."""
    size = len(data)
    views: list[int | float] = []
    for width, number_of, exponents in ((8, as_double, _DOUBLES), (4, as_float, _FLOATS)):
        if size >= 16 and size % width == 0 and data[width - 1] & 127 in exponents:
            reals: list[int | float] = []
            for start in range(0, size, width):
                real = number_of(data[start : start + width])
                if real is None:
                    break
                reals.append(real)
            else:
                views += reals
    if views or data[0] < 128 or data[-1] > 127:
        return views or None
    numbers: list[int | float] = []
    width = position = 0
    try:
        while position < size:
            value, end = _varint(data, position)
            if end - position < 4 or (width and abs(end - position - width) > 1):
                return None
            width = end - position
            numbers.append(value)
            position = end
    except (IndexError, ValueError):
        return None
    return numbers if len(numbers) > 1 else None


def parse_grpc(data: bytes, most: int) -> list[tuple[int, bytes]] | None:
    """The messages of a gRPC body (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): flag and
    bytes of each, at most `most`; None if it is none. The last one may have been cut off."""
    frames: list[tuple[int, bytes]] = []
    position = 0
    while position < len(data) and len(frames) < most:
        flag = data[position]
        end = position + 5 + int.from_bytes(data[position + 1 : position + 5])
        if flag not in (0, 1, 128, 129) or position + 5 > len(data) or (end > len(data) and not frames):
            return None
        frames.append((flag, data[position + 5 : end]))
        position = end
    return frames or None


def grpc_adds_up(data: bytes, most: int = 1000) -> bool:
    """Whether lengths and flags of up to `most` gRPC messages, not announced as such, fit the bytes exactly."""
    position = 0
    size = len(data)
    while position + 5 <= size and most > 0:
        if data[position] > 1:
            return False
        position += 5 + int.from_bytes(data[position + 1 : position + 5])
        most -= 1
    return 0 < position == size


def split_delimited(data: bytes, most: int) -> list[bytes] | None:
    """Pieces that each have their length before them, as protobuf's `writeDelimitedTo` leaves them, two bytes or more
    each and at most `most`; None unless the lengths add up to the whole."""
    pieces: list[bytes] = []
    position = 0
    size = len(data)
    try:
        while position < size:
            length = data[position]
            position += 1
            if length > 127:
                length, position = _varint(data, position - 1)
            end = position + length
            if length < 2 or end > size or len(pieces) >= most:
                return None
            pieces.append(data[position:end])
            position = end
    except (IndexError, ValueError):
        return None
    return pieces or None


def fields_of(data: bytes, budget: Budget) -> list[Field] | None:
    """The fields of a message, of bytes that begin as one can; None if it is none, or if no more may be tried."""
    work = budget.work
    if work <= 0:
        return None
    fields: list[Field] = []
    nodes = budget.nodes
    if read_fields(data, 0, nodes if nodes < work else work, 0, fields) == len(data):
        budget.work = work - len(fields)
        return fields
    # How far a failed attempt went is not known; mostly it is a few fields.
    budget.work = work - 1 - min(len(data) // 64, nodes)
    return None


def read_announced(piece: Piece) -> Parts | None:
    """A message, or several with their lengths before them, as the content type says."""
    fields = fields_of(piece.data, piece.budget) if begins_message(piece.data) else None
    return read_delimited(piece) if fields is None else one(("protobuf",), Message(fields))


def read_protobuf(piece: Piece) -> Parts | None:
    """The same, by looks."""
    data = piece.data
    fields = fields_of(data, piece.budget) if begins_message(data) else None
    if fields is None:
        return read_delimited(piece)
    if len(data) < _LEAST or not plausible(fields, len(data)):
        return None
    return one(("protobuf",), Message(fields))


def read_delimited(piece: Piece) -> Parts | None:
    """Messages that each have their length before them, told by their looks."""
    data, budget = piece.data, piece.budget
    pieces = split_delimited(data, budget.nodes + 1) if len(data) * 4 <= budget.limits.document else None
    if pieces is None or not all(map(surely_message, pieces)):
        return None
    messages = (fields_of(message, budget) for message in pieces if begins_message(message))
    steps = ("delimited", "protobuf")
    return Parts(tuple(Inner(steps, Message(fields)) for fields in messages if fields is not None))


def read_delimited_field(data: bytes, budget: Budget) -> list[list[Field]] | None:
    """The same in a field of a message, where two messages and more whose lengths add up are no chance."""
    pieces = split_delimited(data, budget.nodes + 1)
    if pieces is None or len(pieces) < 2:
        return None
    messages: list[list[Field]] = []
    for piece in pieces:
        fields = fields_of(piece, budget) if begins_message(piece) else None
        if not fields or not plausible(fields, len(piece)):
            return None
        messages.append(fields)
    return messages


def read_grpc(piece: Piece) -> Parts | None:
    """gRPC; the second half of its type says what the frames hold: `application/grpc+json`."""
    frames = parse_grpc(piece.data, piece.budget.nodes + 1)
    if frames is None:
        return None
    kind = ContentType(piece.kind.media.partition("+")[2] or "protobuf")
    return Parts(tuple(_frame(flag, message, kind) for flag, message in frames))


def _frame(flag: int, message: bytes, kind: ContentType) -> Inner:
    if flag & 128:
        return Inner(("grpc", "trailers"), message, key="")
    squeezed = flag & 1 and not by_magic(message)  # what has a mark is told by it
    return Inner(("grpc",), message, kind=kind, encodings=("deflate",) if squeezed else ())


def read_bare_grpc(piece: Piece) -> Parts | None:
    """gRPC that was not announced: the lengths must add up."""
    return read_grpc(piece) if grpc_adds_up(piece.data) else None
