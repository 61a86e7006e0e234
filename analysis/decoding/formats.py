"""Which reader is asked for which bytes, and in which order."""

from phonehome.analysis.decoding import apple_location, binary, coap, http, loose, protobuf, text
from phonehome.analysis.decoding.pieces import Reader, TextReader

_BY_MEDIA: tuple[tuple[str, Reader], ...] = (
    ("json", text.read_json),
    ("x-www-form-urlencoded", http.read_form),
    ("multipart/", http.read_multipart),
    ("grpc", protobuf.read_grpc),
    ("protobuf", protobuf.read_announced),
    ("plist", binary.read_plist),
    ("xml", binary.read_xml_plist),
    ("xml", text.read_xml),
    ("cbor", binary.read_cbor),
    ("msgpack", binary.read_msgpack),
)
"""A part of a content type, and what reads it; whatever they refuse is told by its looks."""

_BY_MARK: tuple[tuple[bytes, Reader], ...] = (
    (b"bplist00", binary.read_plist),
    (b"PK\x03\x04", binary.read_zip),
    (b"\0\1\0", apple_location.read_call),
    (b"--", http.read_multipart),
)
"""First bytes, and what reads what begins so."""

MARKS = frozenset(mark[0] for mark, _ in _BY_MARK)
"""The first of these bytes."""

BY_TRIAL: tuple[Reader, ...] = (
    coap.read_coap,
    protobuf.read_bare_grpc,
    binary.read_msgpack,
    binary.read_cbor,
    protobuf.read_protobuf,
    binary.read_unmarked_stream,
    binary.read_embedded_json,
)
"""What is tried on bytes that are no text: the first ones refuse most."""

OF_TEXT: tuple[TextReader, ...] = (text.read_broken, text.read_lines)
"""What is tried on text that is in no encoding."""

OF_WHOLE_TEXT: tuple[TextReader, ...] = (
    loose.read_script,
    text.read_broken,
    loose.read_table,
    text.read_lines,
    loose.read_entries,
    loose.read_rest,
)
"""The same for text that is a document by itself."""


def by_media(media: str) -> tuple[Reader, ...]:
    """What reads a media type (lower case)."""
    return tuple(reader for word, reader in _BY_MEDIA if word in media)


def by_mark(data: bytes) -> tuple[Reader, ...]:
    """What reads bytes that begin so."""
    return tuple(reader for mark, reader in _BY_MARK if data.startswith(mark))
