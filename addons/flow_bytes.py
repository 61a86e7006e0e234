"""A live flow as it stands in a flow file, in pieces that are not copied.

mitmproxy's own way (`tnetstring.dumps(flow.get_state())`) takes 140 microseconds for a small request, most of it for
the two connections, which are the same from one request to the next, and copies a large body several times while it
holds Python's lock. Here the connections are encoded once, and a large body stays where it is. What comes out is the
same, byte for byte, which the tests hold it to.
"""

import copy
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from mitmproxy import connection, flow
from mitmproxy.io import tnetstring

JOINED: Final = 16 << 10
"""Bytes up to which a piece is joined with its neighbours."""
SHORT: Final = 512
"""Bytes of a header up to which it is remembered."""


class _Encoded(bytes):
    """What is encoded already."""

    def get_state(self) -> "_Encoded":
        """As mitmproxy asks a connection for it."""
        return self


_connections: WeakKeyDictionary[connection.Connection, tuple[dict[str, Any], _Encoded]] = WeakKeyDictionary()


def encode(flow: flow.Flow) -> list[bytes]:
    """The pieces of a flow, in their order."""
    if flow._backup is None:
        flow = copy.copy(flow)
        flow.client_conn = _connection(flow.client_conn)  # type: ignore[assignment]
        flow.server_conn = _connection(flow.server_conn)  # type: ignore[assignment]
    return _joined(_encoded(flow.get_state()))


def _encoded(content: Any) -> list[bytes]:
    pieces: list[bytes] = []
    _put(content, pieces)
    pieces.reverse()
    return pieces


def _connection(conn: connection.Connection) -> _Encoded:
    """A connection, encoded when it is new or has changed. What its lists hold never changes: they are replaced."""
    known = _connections.get(conn)
    if known is not None and known[0] == vars(conn):
        return known[1]
    encoded = _Encoded(tnetstring.dumps(conn.get_state()))
    _connections[conn] = vars(conn).copy(), encoded
    return encoded


def _put(content: Any, pieces: list[bytes]) -> int:
    """Appends the pieces of a value, the last first, because each begins with its length. Returns their length.

    Format: mitmproxy's io/tnetstring.py, which also puts the fields of a dictionary the last first."""
    kind = content.__class__
    if kind is bytes:
        size = len(content)
        begin = b"%d:" % size
        if size <= JOINED:
            pieces.append(b"%b%b," % (begin, content))
        else:
            pieces += (b",", content, begin)
        return len(begin) + size + 1
    if kind is str:
        data = content.encode("utf8")
        piece = b"%d:%b;" % (len(data), data)
    elif content is None:
        piece = b"0:~"
    elif content is True:
        piece = b"4:true!"
    elif content is False:
        piece = b"5:false!"
    elif kind is float:
        data = repr(content).encode()
        piece = b"%d:%b^" % (len(data), data)
    elif kind is int:
        data = b"%d" % content
        piece = b"%d:%b#" % (len(data), data)
    elif kind is _Encoded:
        piece = content
    elif kind is dict:
        pieces.append(b"}")
        size = 0
        for key, value in content.items():
            name = _name(key)
            size += _put(value, pieces) + len(name)
            pieces.append(name)
        begin = b"%d:" % size
        pieces.append(begin)
        return len(begin) + size + 1
    elif kind is list or kind is tuple:
        pieces.append(b"]")
        size = 0
        for item in reversed(content):
            if item.__class__ is tuple and len(item) == 2 and item[0].__class__ is item[1].__class__ is bytes:
                field = _field(item) if len(item[1]) <= SHORT else b"".join(_encoded(list(item)))
                pieces.append(field)
                size += len(field)
            else:
                size += _put(item, pieces)
        begin = b"%d:" % size
        pieces.append(begin)
        return len(begin) + size + 1
    else:  # a class of its own, such as an enumeration
        piece = tnetstring.dumps(content)
    pieces.append(piece)
    return len(piece)


@lru_cache(maxsize=1024)
def _name(name: str) -> bytes:
    """The name of a field of the state. In the metadata of a flow a name can be anything."""
    return b"".join(_encoded(name))


@lru_cache(maxsize=4096)
def _field(field: tuple[bytes, bytes]) -> bytes:
    """A header field: a phone and its destinations send the same ones over and over."""
    return b"".join(_encoded(list(field)))


def _joined(pieces: list[bytes]) -> list[bytes]:
    """Small pieces as one, large ones as they are."""
    if max(map(len, pieces)) <= JOINED:
        return [b"".join(pieces)]
    joined: list[bytes] = []
    small: list[bytes] = []
    for piece in pieces:
        if len(piece) <= JOINED:
            small.append(piece)
        else:
            joined += (b"".join(small), piece)
            small = []
    return [*joined, b"".join(small)]
