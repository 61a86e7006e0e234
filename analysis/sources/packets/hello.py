"""TLS handshake messages in clear: what a ClientHello and a ServerHello say.

Formats: RFC 8446 (4.1.2, 4.1.3), RFC 5246 (7.4.1), RFC 6066 (3), RFC 7301, RFC 8446 (4.2.1).
"""

from typing import Final, NamedTuple

CLIENT_HELLO: Final = 1
SERVER_HELLO: Final = 2
_SERVER_NAME, _ALPN, _VERSIONS, _ENCRYPT_THEN_MAC = 0, 16, 43, 22
_ECH: Final = 0xFE0D
_RETRY: Final = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
VERSIONS: Final = {
    0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3", 0xFEFF: "DTLSv1",
    0xFEFD: "DTLSv1.2", 0xFEFC: "DTLSv1.3",
}  # fmt: skip
"""As mitmproxy spells them."""


class ClientHello(NamedTuple):
    random: bytes
    name: str | None
    """The server's name (SNI), lower case; None if there is none. With ECH it is that of the outer hello, which can be
    the name of a front that many servers share."""
    protocols: tuple[str, ...]
    """Offered by ALPN."""
    encrypted: bool
    """Whether an Encrypted ClientHello was offered (browsers send a fake one as well)."""


class ServerHello(NamedTuple):
    random: bytes
    version: int
    suite: int
    retry: bool
    """HelloRetryRequest (RFC 8446, 4.1.3): the client says its hello again."""
    encrypt_then_mac: bool
    protocol: str | None
    """Chosen by ALPN; in TLS 1.3 that is in EncryptedExtensions."""


def client_hello(body: bytes, *, datagram: bool = False) -> ClientHello | None:
    """The body of a ClientHello (without its type and length); None if it is none. `datagram`: it is DTLS."""
    try:
        random = body[2:34]
        position = 34 + 1 + body[34]
        if datagram:
            position += 1 + body[position]
        position += 2 + _number(body, position)
        position += 1 + body[position]
        name = None
        protocols: tuple[str, ...] = ()
        encrypted = False
        for kind, content in _extensions(body, position):
            if kind == _SERVER_NAME and len(content) > 5 and not content[2]:
                text = content[5 : 5 + _number(content, 3)]
                name = text.decode("ascii").lower().rstrip(".") or None
            elif kind == _ALPN:
                protocols = _protocols(content)
            elif kind == _ECH:
                encrypted = True
    except (IndexError, UnicodeDecodeError):
        return None
    return ClientHello(random, name, protocols, encrypted) if len(random) == 32 else None


def server_hello(body: bytes) -> ServerHello | None:
    """The body of a ServerHello; None if it is none."""
    try:
        version = _number(body, 0)
        random = body[2:34]
        position = 34 + 1 + body[34]
        suite = _number(body, position)
        position += 3
        encrypt_then_mac = False
        protocol = None
        for kind, content in _extensions(body, position):
            if kind == _VERSIONS:
                version = _number(content, 0)
            elif kind == _ENCRYPT_THEN_MAC:
                encrypt_then_mac = True
            elif kind == _ALPN:
                protocol = next(iter(_protocols(content)), None)
    except IndexError:
        return None
    if len(random) < 32:
        return None
    return ServerHello(random, version, suite, random == _RETRY, encrypt_then_mac, protocol)


def chosen_protocol(body: bytes) -> str | None:
    """What EncryptedExtensions (TLS 1.3) say was chosen by ALPN; None if nothing."""
    try:
        for kind, content in _extensions(body, 0):
            if kind == _ALPN:
                return next(iter(_protocols(content)), None)
    except IndexError:
        pass
    return None


def _extensions(body: bytes, position: int) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    if position + 2 > len(body):
        return found
    end = min(position + 2 + _number(body, position), len(body))
    position += 2
    while position + 4 <= end:
        length = _number(body, position + 2)
        found.append((_number(body, position), body[position + 4 : position + 4 + length]))
        position += 4 + length
    return found


def _protocols(content: bytes) -> tuple[str, ...]:
    found = []
    position = 2
    while position < len(content):
        length = content[position]
        found.append(content[position + 1 : position + 1 + length].decode("latin-1"))
        position += 1 + length
    return tuple(found)


def _number(data: bytes, position: int) -> int:
    return data[position] << 8 | data[position + 1]
