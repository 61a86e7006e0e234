"""Binary documents, against other encoders; and how often chance passes."""

import base64
import io
import json
import plistlib
import random
import zipfile

import cbor2
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding import Limits, binary
from tests.decoding.usual import decode_bytes

UUID = "1209d0b9-b959-42e6-b921-aa5d9d08c1af"

DOCUMENTS = st.dictionaries(
    st.text("abcdefghij", min_size=1, max_size=8),
    st.integers(-(2**31), 2**31)
    | st.text("abc xyz", min_size=1, max_size=6)
    | st.lists(st.integers(0, 9), max_size=3),
    min_size=1,
    max_size=5,
)


@given(DOCUMENTS)
def test_cbor_and_messagepack_come_back(document: dict[str, object]) -> None:
    leaves = [
        (name, leaf)
        for name, inner in document.items()
        for leaf in (inner if isinstance(inner, list) else [inner])
    ]
    for name, data in (("cbor", cbor2.dumps(document)), ("msgpack", msgpack.packb(document))):
        values = decode_bytes(data, f"application/{name}").values
        assert [(value.key, value.data) for value in values if value.path[1] == name] == leaves
        unannounced = decode_bytes(data).values
        assert [(value.key, value.data) for value in unannounced] == leaves


def test_what_only_these_formats_have() -> None:
    import datetime
    import uuid

    document = {
        "uuid": uuid.UUID(UUID),
        "date": datetime.datetime(2019, 3, 21, tzinfo=datetime.UTC),
        "mac": bytes.fromhex("021a11f0a9e1"),
        7: "seven",
        "tagged": cbor2.CBORTag(4711, {"imei": "490154203237518"}),
    }
    values = {
        value.key: value.data for value in decode_bytes(cbor2.dumps(document), "application/cbor").values
    }
    assert values["uuid"] == UUID
    assert str(values["date"]).startswith("2019-03-21")
    assert values["mac"] == document["mac"]
    assert values["7"] == "seven"
    assert values["imei"] == "490154203237518"
    packed = msgpack.packb({"ext": msgpack.ExtType(5, b"490154203237518"), "a": 1})
    assert decode_bytes(packed).values[0].data == "490154203237518"


@pytest.mark.parametrize("form", [plistlib.FMT_BINARY, plistlib.FMT_XML])
def test_property_lists(form: plistlib.PlistFormat) -> None:
    data = plistlib.dumps({"UniqueDeviceID": "a" * 40, "nested": {"n": 5, "raw": b"\x00\xff"}}, fmt=form)
    for content_type in ("application/x-apple-plist", ""):
        values = {value.path: value.data for value in decode_bytes(data, content_type).values}
        assert values["body", "plist", "UniqueDeviceID"] == "a" * 40
        assert values["body", "plist", "nested", "n"] == 5


def test_documents_that_are_not_whole_are_refused() -> None:
    for dumps, parse in ((cbor2.dumps, binary.parse_cbor), (msgpack.packb, binary.parse_msgpack)):
        data = dumps({"imei": "490154203237518"})
        assert parse(data) is not None
        assert parse(data + b"\x00") is None
        assert parse(data[:-1]) is None
        assert parse(dumps([1, 2, 3])) is None
        assert parse(b"") is None


def archive(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as written:
        for name, data in files.items():
            written.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("outer", ["", "base64"])
def test_files_of_a_zip_archive(method: int, outer: str) -> None:
    data = archive(
        {"a.json": b'{"imei":"490154203237518"}', "b/log.txt": b"x: y\nmac=02:1a:11:f0:a9:e1\n"}, method
    )
    body = json.dumps({"d": base64.b64encode(data).decode()}).encode() if outer else data
    values = {value.path[-4:]: value.data for value in decode_bytes(body).values}
    assert values["zip", "a.json", "json", "imei"] == "490154203237518"
    assert values["zip", "b/log.txt", "lines", "mac"] == "02:1a:11:f0:a9:e1"


def test_archives_that_hold_too_much_or_cannot_be_read() -> None:
    notes = decode_bytes(archive({"zeros": bytes(1 << 21)})).opaque
    assert (("body", "zip", "zeros"), "limit") in [(note.path, note.looks) for note in notes]
    assert (
        decode_bytes(archive({"a": b"x" * 99}, zipfile.ZIP_LZMA)).opaque[0].reason
        == "not a method that is undone"
    )
    whole = archive({"a": b"imei" * 99})
    assert decode_bytes(whole[:-30]).opaque[0].reason == "application/zip"
    damaged = whole[:40] + bytes(5) + whole[45:]
    assert decode_bytes(damaged).opaque


@given(st.binary(max_size=60), st.integers(0, 150), st.integers(0, 150))
def test_any_archive_is_read_or_not(data: bytes, start: int, end: int) -> None:
    whole = archive({"a.json": b'{"imei":"490154203237518"}'})
    decode_bytes(whole[:start] + data + whole[end:])


@pytest.mark.parametrize("size", [1, 2, 14, 16, 200, 70_000])
def test_maps_of_any_size_under_base64(size: int) -> None:
    document = {"imei": "490154203237518", "mac": "02:1a:11:f0:a9:e1"} | {f"k{n}": n for n in range(size)}
    for data in (msgpack.packb(document), cbor2.dumps(document)):
        text = base64.b64encode(data).decode()
        limits = Limits(values=200_000)
        values = decode_bytes(json.dumps({"d": text}).encode(), limits=limits).values
        assert "490154203237518" in [value.data for value in values if value.key == "imei"]


def test_chance_passes_seldom() -> None:
    """The rates that docs/decoding.md states, with room for chance in them."""
    rng = random.Random(3)
    for size in (16, 32, 256):
        pieces = [rng.randbytes(size) for _ in range(4000)]
        for parse in (binary.parse_cbor, binary.parse_msgpack):
            assert sum(parse(data) is not None for data in pieces) <= 1
