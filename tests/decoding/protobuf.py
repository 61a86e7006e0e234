"""A small protobuf encoder, written from the description of the wire format and not from the decoder, to
test against."""

from struct import pack

Content = int | float | str | bytes | list["Pair"]
Pair = tuple[int, Content]


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = b""
    while number >= 128:
        out += bytes([number % 128 + 128])
        number //= 128
    return out + bytes([number])


def message(pairs: list[Pair]) -> bytes:
    """Fields in order: integers as varints, floats as doubles, lists as messages."""
    out = b""
    for number, content in pairs:
        if isinstance(content, int):
            out += varint(number * 8) + varint(content)
        elif isinstance(content, float):
            out += varint(number * 8 + 1) + pack("<d", content)
        else:
            data = content
            if isinstance(data, list):
                data = message(data)
            elif isinstance(data, str):
                data = data.encode()
            out += varint(number * 8 + 2) + varint(len(data)) + data
    return out


def fixed64(number: int, content: int) -> bytes:
    return varint(number * 8 + 1) + pack("<Q", content)


def group(number: int, inside: bytes) -> bytes:
    return varint(number * 8 + 3) + inside + varint(number * 8 + 4)
