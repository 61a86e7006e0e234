"""Questions for the time: which are nothing else, and which could carry something."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding.decoder import Decoder
from phonehome.analysis.decoding.ntp import asks_for_time
from phonehome.analysis.transmission import Transmission

NOW = 1_764_180_000.25
STAMP = (int(NOW) + 2_208_988_800).to_bytes(4) + (1 << 30).to_bytes(4)
ANDROID = b"\x1b" + bytes(39) + STAMP
NTPDATE = b"\xe3\x00\x06\xfa\x00\x01\x00\x00\x00\x01\x00\x00" + bytes(28) + STAMP
CHRONY = b"\x23\x00\x06\x20" + bytes(36)


@pytest.mark.parametrize("data", [ANDROID, NTPDATE, b"\x1b" + bytes(47), CHRONY + bytes(8)])
def test_a_question_carries_nothing(data: bytes) -> None:
    assert asks_for_time(data, NOW)
    sent = Transmission(NOW, transport="udp", protocol="udp", port=123, payloads=(data, data), encrypted=None)
    assert Decoder().decode(sent) == ((), ())


@pytest.mark.parametrize(
    "data",
    [
        CHRONY + random.Random(5).randbytes(8),
        b"\x1b" + bytes(39) + bytes.fromhex("3520990017614810"),  # an IMEI
        ANDROID[:12] + b"IMEI" + ANDROID[16:],
        ANDROID[:4] + (0x12345678).to_bytes(4) + ANDROID[8:],
        ANDROID[:24] + bytes(4) + b"abcd" + ANDROID[32:],
        b"\x1b\x07" + ANDROID[2:],
        b"\x1c" + ANDROID[1:],  # a server's answer
        ANDROID + bytes(20),  # a signature
        ANDROID[:47],
        b"",
    ],
)
def test_what_could_carry_something_is_not_understood(data: bytes) -> None:
    assert not asks_for_time(data, NOW)
    sent = Transmission(NOW, transport="udp", protocol="udp", port=123, payloads=(ANDROID, data))
    assert Decoder().decode(sent).opaque
    assert not asks_for_time(ANDROID, 0)  # nobody knows when
    assert not asks_for_time(ANDROID, NOW + 3 * 86400)


def test_at_another_port_it_is_none() -> None:
    sent = Transmission(NOW, transport="udp", protocol="udp", port=9123, payloads=(ANDROID,))
    assert Decoder().decode(sent).opaque


@given(st.binary(min_size=44, max_size=52), st.floats(0, 1e10))
def test_any_bytes_are_read(data: bytes, time: float) -> None:
    asks_for_time(b"\x1b" + data, time)
