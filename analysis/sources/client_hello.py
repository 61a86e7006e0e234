"""TLS and QUIC that the proxy did not open: recognised by how they begin, TLS named by the SNI in it.

Formats: RFC 8446 (4.1.2, 5.1), RFC 6066 (3, server_name), RFC 9000 (14.1, 17.2.2), RFC 9369 (3.1). Nothing else of
a handshake is read; a QUIC client's is encrypted, with a key that anybody can derive, which is left to the proxy.
"""

_HANDSHAKE = b"\x16\x03"
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HOST_NAME = 0
_QUIC_VERSIONS = (b"\x00\x00\x00\x01", b"\x6b\x33\x43\xcf")
_SMALLEST_INITIAL = 1200
_LONG_HEADER = 0xC0


def is_client_hello(data: bytes) -> bool:
    """Whether what a client sent begins as a TLS connection does."""
    return len(data) > 5 and data.startswith(_HANDSHAKE) and data[5] == _CLIENT_HELLO


def is_quic_initial(data: bytes) -> bool:
    """Whether a datagram of a client begins a QUIC connection, version 1 or 2."""
    return (
        len(data) >= _SMALLEST_INITIAL
        and data[0] & _LONG_HEADER == _LONG_HEADER
        and data.startswith(_QUIC_VERSIONS, 1)
    )


def server_name(data: bytes) -> str | None:
    """The name in the ClientHello; None if there is none, if it is encrypted (ECH), or if it is cut off."""
    try:
        position = 5 + 4 + 2 + 32  # record header, handshake header, version, random
        position += 1 + data[position]  # session id
        position += 2 + _number(data, position)  # cipher suites
        position += 1 + data[position]  # compression methods
        end = position + 2 + _number(data, position)
        position += 2
        while position + 4 <= min(end, len(data)):
            kind, length = _number(data, position), _number(data, position + 2)
            position += 4
            if kind == _SERVER_NAME:
                if data[position + 2] != _HOST_NAME:
                    return None
                start = position + 5
                name = data[start : start + _number(data, position + 3)]
                return name.decode("ascii").lower().rstrip(".") or None
            position += length
    except (IndexError, UnicodeDecodeError):
        pass
    return None


def _number(data: bytes, position: int) -> int:
    return data[position] << 8 | data[position + 1]
