"""DNS messages: which names were asked for, and which addresses they were said to have.

Formats: RFC 1035 (4.1), RFC 3596 (AAAA). Records of other types are stepped over.
"""

import socket
import struct
from typing import Final, NamedTuple

MAX_QUESTIONS: Final = 16
MAX_RECORDS: Final = 256
MAX_POINTERS: Final = 32
_A, _AAAA, _IN = 1, 28, 1
_HEADER: Final = struct.Struct(">HHHHHH").unpack_from
_RECORD: Final = struct.Struct(">HHIH").unpack_from


class DnsMessage(NamedTuple):
    """A question or an answer."""

    id: int
    is_answer: bool
    questions: tuple[str, ...]
    """Names, lower case, without the last dot."""
    addresses: tuple[str, ...]
    """In A and AAAA records of the answer."""


def parse(data: bytes) -> DnsMessage | None:
    """A message; None if it is none. Of one that is cut off, what is whole."""
    if len(data) < 12:
        return None
    id_, flags, questions, answers, _, _ = _HEADER(data)
    # A query or its answer (opcodes 0 to 6), with a sane number of questions.
    if flags >> 11 & 15 > 6 or questions > MAX_QUESTIONS or (not questions and not answers):
        return None
    position = 12
    names = []
    addresses = []
    try:
        for _ in range(questions):
            name, position = _name(data, position)
            if position + 4 > len(data):
                raise IndexError
            position += 4
            if name:
                names.append(name)
        for _ in range(min(answers, MAX_RECORDS)):
            _, position = _name(data, position)
            kind, class_, _, length = _RECORD(data, position)
            position += 10
            content = data[position : position + length]
            position += length
            if class_ & 0x7FFF == _IN:
                if kind == _A and len(content) == 4:
                    addresses.append(socket.inet_ntop(socket.AF_INET, content))
                elif kind == _AAAA and len(content) == 16:
                    addresses.append(socket.inet_ntop(socket.AF_INET6, content))
    except (IndexError, struct.error, ValueError):
        if len(names) < questions:
            return None
    return DnsMessage(id_, bool(flags & 0x8000), tuple(names), tuple(addresses))


def _name(data: bytes, position: int) -> tuple[str, int]:
    """A name, and where what follows begins. Raises IndexError or ValueError if there is none."""
    labels: list[str] = []
    end = -1
    size = 0
    for _ in range(128 + MAX_POINTERS):
        length = data[position]
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | data[position + 1]
            if end < 0:
                end = position + 2
            if target >= position:
                raise ValueError  # pointers lead back
            position = target
            continue
        if length > 63:
            raise ValueError
        position += 1
        if not length:
            return ".".join(labels).lower(), position if end < 0 else end
        label = data[position : position + length]
        size += length + 1
        if len(label) < length or size > 254:
            raise IndexError
        labels.append(label.decode("ascii") if label.isascii() else label.decode("utf-8", "backslashreplace"))
        position += length
    raise ValueError
