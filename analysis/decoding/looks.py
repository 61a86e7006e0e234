"""What bytes that nothing decoded look like: ciphertext, a known kind of media, or a format that is not known.

Ciphertext has each byte value about equally often, and neither less nor more equally than chance has it. Pearson's
chi-square against the uniform distribution measures that, on up to 16 KiB from the middle: of byte values (255 degrees
of freedom), or below 256 bytes of the 16 values of half a byte (15 degrees). The bounds are where random bytes fail
once in 5,000 times. Shannon's entropy is stated beside it, because it is what readers know; it measures the same.
`docs/decoding.md` gives the measured rates of both errors. Compressed data without a mark can pass: the reason says so.
"""

from collections import Counter
from functools import cache
from math import log2, sqrt, sumprod

LEAST = 64
"""Bytes below which nothing is said of randomness."""

_SAMPLE = 16 * 1024

_MEDIA: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\x04\x22\x4d\x18", "application/x-lz4"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"dex\n", "application/x-dex"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
"""Where a mark stands, the mark, and the media type that it stands for (WHATWG MIME Sniffing, and the formats' own)."""

_FIRST = frozenset(mark[0] for offset, mark, _ in _MEDIA if not offset)
_LATER = tuple(entry for entry in _MEDIA if entry[0])


def media_type(data: bytes) -> str:
    """The media type that the first bytes tell, or an empty string."""
    for offset, mark, name in _MEDIA if data[:1] and data[0] in _FIRST else _LATER:
        if data.startswith(mark, offset):
            return name
    return ""


_HALVES = "0123456789abcdef"


def judge(data: bytes) -> tuple[str, str]:
    """`encrypted` or `unknown`, and why."""
    name = media_type(data)
    if name:
        return "unknown", name
    size = len(data)
    if size < LEAST:
        return "unknown", f"{size} bytes are too few to tell"
    start = max(0, (size - _SAMPLE) // 2)
    sample = data[start : start + _SAMPLE]
    statistic, figures = _figures(sample)
    low, high = _bounds(255 if len(sample) >= 256 else 15)
    if not low <= statistic <= high:
        return "unknown", f"not random: {figures}"
    return (
        "encrypted",
        f"as random as ciphertext: {figures}; a compressed format without a mark can look the same",
    )


def _figures(sample: bytes) -> tuple[float, str]:
    """Pearson's statistic of byte values, or below 256 bytes of half bytes, against equal frequency; and in words.
    One histogram gives it and the entropy: counting is what takes the time."""
    size = len(sample)
    if size < 256:  # of a few bytes the entropy says little, and there are many such pieces
        counts = list(map(sample.hex().count, _HALVES))
        statistic = sumprod(counts, counts) / (size * 2 / 16) - size * 2
        return statistic, f"chi-square {statistic:.0f} with 15 degrees"
    counts = list(Counter(sample).values())
    statistic = sumprod(counts, counts) / (size / 256) - size
    entropy = abs(log2(size) - sumprod(counts, map(log2, counts)) / size)
    return statistic, f"entropy {entropy:.2f} bits per byte, chi-square {statistic:.0f} with 255 degrees"


@cache
def _bounds(degrees: int) -> tuple[float, float]:
    """Chi-square that random bytes fall short of, and exceed, once in 10,000 times each (Wilson and Hilferty's
    approximation)."""
    part = 2 / (9 * degrees)
    low, high = ((1 - part + sign * 3.719 * sqrt(part)) ** 3 for sign in (-1, 1))
    return degrees * low, degrees * high
