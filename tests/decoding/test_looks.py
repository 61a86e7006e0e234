"""Ciphertext, media and unknown formats told apart."""

import json
import math
import os
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding.looks import LEAST, judge, media_type
from tests.decoding.protobuf import message
from tests.decoding.usual import decode_bytes


def test_random_bytes_look_encrypted() -> None:
    rng = random.Random(11)
    for size in (LEAST, 100, 255, 256, 1000, 16_384, 100_000):
        count = 300 if size < 10_000 else 30
        judged = [judge(rng.randbytes(size))[0] for _ in range(count)]
        assert judged.count("encrypted") >= count - 2, size


def test_ciphertext_of_a_real_cipher_looks_encrypted() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    body = AESGCM(bytes(range(32))).encrypt(
        bytes(12), json.dumps({"imei": "490154203237518"} | {"p": "x" * 500}).encode(), b""
    )
    decoded = decode_bytes(body, "application/octet-stream")
    assert decoded.values == ()
    (part,) = decoded.opaque
    assert (part.path, part.size, part.looks) == (("body",), len(body), "encrypted")
    assert "entropy" in part.reason


def test_documents_do_not_look_encrypted() -> None:
    rng = random.Random(12)
    for size in (LEAST, 200, 300, 1000, 5000):
        text = json.dumps({"id": [rng.getrandbits(64) for _ in range(size)]}).encode()[:size]
        fields = message([(n % 9 + 1, f"{rng.getrandbits(40)}") for n in range(size)])[:size]
        assert judge(text)[0] == "unknown"
        assert judge(fields)[0] == "unknown"
        assert judge(bytes(size))[0] == "unknown"
        assert judge(bytes(range(256)) * 20)[0] == "unknown"


def test_little_is_never_called_encrypted() -> None:
    assert judge(os.urandom(LEAST - 1))[0] == "unknown"
    assert judge(b"")[0] == "unknown"


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"wOF2", "font/woff2"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"PK\x03\x04", "application/zip"),
    ],
)
def test_media_are_named_and_not_called_encrypted(start: bytes, name: str) -> None:
    data = start + random.Random(1).randbytes(4000)
    assert media_type(data) == name
    decoded = decode_bytes(data)
    assert [(part.looks, part.reason) for part in decoded.opaque] == [("unknown", name)]
    assert decoded.values == ()


def by_definition(data: bytes) -> str:
    """The figures as their definitions give them: Shannon's entropy, and Pearson's statistic."""
    size = len(data)
    counts: Counter[object] = Counter(data) if size >= 256 else Counter(data.hex())
    total, cells = counts.total(), 256 if size >= 256 else 16
    statistic = sum(count * count for count in counts.values()) / (total / cells) - total
    figures = f"chi-square {statistic:.0f} with {cells - 1} degrees"
    if cells == 16:
        return figures
    entropy = sum(count / size * math.log2(size / count) for count in counts.values())
    return f"entropy {entropy:.2f} bits per byte, {figures}"


@given(
    st.binary(min_size=LEAST, max_size=2000)
    | st.builds(
        lambda seed, size, letters: bytes(random.Random(seed).choices(range(letters), k=size)),
        st.integers(),
        st.integers(LEAST, 16_384),
        st.integers(1, 256),
    )
)
def test_figures_are_what_their_definitions_give(data: bytes) -> None:
    verdict, reason = judge(data)
    if not media_type(data):
        assert by_definition(data) in reason
        assert (verdict == "encrypted") == reason.startswith("as random as ciphertext")
