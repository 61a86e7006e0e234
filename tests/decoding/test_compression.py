"""Decompression: right on whole streams, useful on broken ones, bounded on hostile ones."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding import Limits
from phonehome.analysis.decoding.compression import (
    ENCODINGS,
    by_magic,
    gunzip,
    inflate,
    inflate_zlib,
    looks_zlib,
    unbrotli,
    unzstd,
)
from tests.decoding.usual import decode_bytes


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "zlib": zlib.compress,
    "deflate": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
TEXT = b"".join(b'{"n":%d,"id":"%032x"}' % (n, n * 7919**9) for n in range(2000))


@pytest.mark.parametrize("name", COMPRESS)
@given(data=st.binary(max_size=2000))
def test_whole_streams_come_out_as_they_went_in(name: str, data: bytes) -> None:
    out = ENCODINGS[name][1](COMPRESS[name](data), 10_000)
    assert out is not None
    assert out.data == data
    assert out.trouble == ""


def test_http_deflate_is_zlib_or_raw() -> None:
    for packed in (zlib.compress(TEXT), raw_deflate(TEXT)):
        out = inflate(packed, 1 << 20)
        assert out is not None
        assert out.data == TEXT


@pytest.mark.parametrize("name", COMPRESS)
def test_cut_streams_give_what_could_be_unpacked(name: str) -> None:
    packed = COMPRESS[name](TEXT)
    # Zstandard and brotli give out whole blocks only, so it takes more than one block to see some of it.
    data = TEXT if name not in ("br", "zstd") else TEXT * 20 + bytes(range(256)) * 2000
    packed = COMPRESS[name](data)
    out = ENCODINGS[name][1](packed[: len(packed) - 9], 1 << 24)
    assert out is not None
    assert out.trouble in ("truncated", "damaged")
    assert out.data
    assert data.startswith(out.data)


def test_damage_in_the_middle_of_gzip_keeps_what_was_before() -> None:
    packed = bytearray(gzip.compress(TEXT))
    middle = len(packed) // 2
    packed[middle : middle + 200] = b"\xff" * 200
    out = gunzip(bytes(packed), 1 << 20)
    assert out is not None
    assert out.trouble == "damaged"
    assert out.data.startswith(TEXT[:5000])


def test_gzip_members_are_joined_and_what_follows_is_given_back() -> None:
    out = gunzip(gzip.compress(b"one ") + gzip.compress(b"two") + b"tail", 1000)
    assert out is not None
    assert (out.data, out.trouble, out.rest) == (b"one two", "", b"tail")


@pytest.mark.parametrize("name", COMPRESS)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_refused_or_unpacked(name: str, data: bytes) -> None:
    out = ENCODINGS[name][1](data, 5000)
    # Brotli's buffers grow by doubling, so it may give up to twice of what was asked for.
    assert out is None or len(out.data) <= 10_000


def bomb(name: str) -> Any:
    """A stream of zeros: 1 GB for brotli and zstd (about 1 kB and 30 kB), 200 MB for gzip (200 kB)."""
    if name == "gzip":
        stream = zlib.compressobj(9, wbits=31)
        return b"".join(stream.compress(bytes(1 << 20)) for _ in range(200)) + stream.flush()
    if name == "zstd":
        packer = zstandard.ZstdCompressor(level=3).compressobj()
        return b"".join(packer.compress(bytes(1 << 20)) for _ in range(1000)) + packer.flush()
    brotli_packer = brotli.Compressor(quality=1)
    parts = [brotli_packer.process(bytes(1 << 20)) for _ in range(300)]
    return b"".join(parts) + brotli_packer.finish()


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
def test_a_bomb_costs_neither_memory_nor_time(name: str) -> None:
    packed = bomb(name)
    limits = Limits()
    tracemalloc.start()
    decoded = decode_bytes(packed, "application/json", name, limits=limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [part.looks for part in decoded.opaque].count("limit") >= 1
    assert peak < 4 * limits.unpacked


def test_bombs_inside_bombs_share_one_bound() -> None:
    inner = bomb("gzip")
    decoded = decode_bytes(gzip.compress(gzip.compress(inner)), limits=Limits(unpacked=1 << 20))
    assert any(part.looks == "limit" for part in decoded.opaque)


def test_many_empty_members_do_not_take_quadratic_time() -> None:
    packed = gzip.compress(b"", mtime=0) * 1_000_000  # copied as a whole for each: 10 TB
    out = gunzip(packed, 1 << 20)
    assert out is not None
    assert out.rest


def test_magic() -> None:
    assert (by_magic(gzip.compress(b"")) or ("",))[0] == "gzip"
    assert (by_magic(zstandard.compress(b"x")) or ("",))[0] == "zstd"
    assert (by_magic(zlib.compress(b"")) or ("",))[0] == "zlib"
    assert by_magic(b"x is a letter") is None
    assert by_magic(b"") is None


@given(st.integers(0, 9))
def test_zlib_headers_of_all_levels(level: int) -> None:
    assert looks_zlib(zlib.compress(b"some text", level))


def test_none_for_other_formats() -> None:
    for refuse in (gunzip, inflate_zlib, unzstd, unbrotli):
        assert refuse(b'{"imei":"490154203237518"}', 1000) is None
