"""TLS that the proxy let through unopened: recognised by its first record, and named by the SNI in it.

Formats: RFC 8446 (4.1.2, 5.1) and RFC 6066 (3, server_name). Nothing else of the handshake is read.
"""

_HANDSHAKE = b"\x16\x03"
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HOST_NAME = 0


def is_client_hello(data: bytes) -> bool:
    """Whether what a client sent begins as a TLS connection does."""
    return len(data) > 5 and data.startswith(_HANDSHAKE) and data[5] == _CLIENT_HELLO


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
