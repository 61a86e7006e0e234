"""A mask is not a riddle: what it leaves of a value, and how many values it could be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.identifiers import kinds, mask
from phonehome.analysis.identifiers.mask import HIDDEN, Masks


@pytest.mark.parametrize(
    ("kind", "value", "masked"),
    [
        ("imei", "356938035643518", "35693803•••••••"),
        ("imei", "35693803564351", "3569380•••••••"),
        ("imeisv", "3569380356435101", "35693803•••••••"),
        ("meid", "a10000c2e45f77", "a10000c•••••••"),
        ("iccid", "8947080012345678903", "894708•••••••"),
        ("imsi", "242015012345678", "24201•••••••"),
        ("phone-number", "+4791234567", "+47•••••••"),
        ("phone-number", "1234", "•••••••"),
        ("mac", "ac:37:43:11:22:33", "ac:37:43:•••••••"),
        ("serial", "B2NGAA9871", "B2•••••••"),
        ("ssid", "kitchen", "k•••••••"),
        ("ssid", "home", "•••••••"),
        ("email", "anna.example@mail.example.org", "a•••@m•••.org"),
        ("position", "59.91273,10.74609", "59.•, 10.•"),
        ("position", "-0.12345,-179.99999", "-0.•, -179.•"),
        ("ip-address", "192.168.1.20", "192.•••••••"),
        ("ip-address", "fe80::1234:5678", "fe80:•••••••"),
        ("cell", "242-01-4123-27447297", "242-01-•••••••"),
        ("cell", "27447297", "•••••••"),
        ("access-points", "00:11:22:33:44:55,00:11:22:33:44:56", "••••••• (2)"),
        ("installed-apps", "a.b,c.d,e.f", "••••••• (3)"),
        ("model", "Nokia 7 plus", "Nokia 7 plus"),
        ("shoe-size", "0123456789", "01•••••••"),
        ("known-value", "secret", "s•••••••"),
    ],
)
def test_masks(kind: str, value: str, masked: str) -> None:
    assert mask(kind, value) == masked


CANDIDATES = {
    # kind: (a value, how many values of the kind its mask leaves, at least)
    "imei": (
        "356938035643518",
        10**6,
    ),  # six digits of a serial number; the check digit follows from the rest
    "imeisv": ("3569380356435101", 10**8),
    "meid": ("a10000c2e45f77", 16**7),
    "serial": ("R58M12ABCD1", 36**9),
    "mac": ("ac:37:43:11:22:33", 16**6),
    "phone-number": ("+4791234567", 10**8),
    "imsi": ("242015012345678", 10**10),
    "iccid": ("8947080012345678903", 10**12),  # of 13 hidden digits one is the check digit
    "position": ("59.91273,10.74609", 10**10),
    "cell": ("242-01-4123-27447297", 2**44),  # TS 36.331: 16 bits of area, 28 of cell
    "ip-address": ("192.168.1.20", 2**24),
    "advertising-id": ("6f1d0c52-8a37-4b0e-9d7f-52a1c3e80b41", 2**106),
    "android-id": ("3a5e00530c0f4e21", 16**12),
    "vendor-id": ("6f1d0c52-8a37-4b0e-9d7f-52a1c3e80b41", 2**106),
    "installation-id": ("c3bd7ae19f5048d2b6e0", 16**16),
    "session-id": ("c3bd7ae19f5048d2", 16**12),
    "eid": ("89049032004008882600003456789015", 10**23),
    "drm-id": ("c3bd7ae19f5048d2c3bd7ae19f5048d2", 16**28),
}
"""For kinds whose values can be tried one after the other. SSID, e-mail, account, and what the user named are free
texts; of these at most the first character stays (four of fourteen and more)."""


@pytest.mark.parametrize("kind", CANDIDATES)
def test_so_many_values_have_the_same_mask(kind: str) -> None:
    value, least = CANDIDATES[kind]
    if kind == "ip-address":
        assert 256 ** (value.count(".") + 1 - mask(kind, value).count(".")) == least
        return
    shown = mask(kind, value).replace("•", "")
    for digits, alphabet in ((10, "0123456789"), (16, "0123456789abcdef"), (36, "")):
        if alphabet and not all(character in alphabet + "+-:.," for character in value.lower()):
            continue
        hidden = sum(map(str.isalnum, value)) - sum(map(str.isalnum, shown))
        checked = kind in ("imei", "iccid")  # Luhn
        known_bits = {"advertising-id": 64, "vendor-id": 64}.get(kind, 1)  # version and variant of a UUID
        assert digits ** (hidden - checked) // known_bits >= least or kind == "cell"
        break


def test_every_kind_that_is_masked_says_how_many_candidates_it_leaves() -> None:
    free_text = {
        "ssid",
        "email",
        "account",
        "known-value",
        "user-id",
        "person-name",
        "birth-date",
        "device-name",
    }
    free_text |= {"push-token", "cookie"}
    lists = {"access-points", "installed-apps", "contacts"}  # nothing of them is shown but their number
    masked = {id for id, kind in kinds().items() if kind.mask != "none"}
    assert masked == {*CANDIDATES, *free_text, *lists}


@pytest.mark.parametrize("kind", ["imei", "imeisv", "meid", "iccid", "imsi", "phone-number", "serial"])
@given(digits=st.text("0123456789", min_size=14, max_size=20))
def test_the_end_is_never_shown(kind: str, digits: str) -> None:
    masked = mask(kind, digits)
    assert masked.endswith(HIDDEN)
    assert len(masked) - len(HIDDEN) <= min(8, len(digits) - 7)


SECRET = sorted(id for id, kind in kinds().items() if kind.mask == "begin")


@given(st.sampled_from(SECRET), st.text(max_size=60))
def test_at_most_four_characters_stay_and_the_length_does_not_show(kind: str, value: str) -> None:
    masked = mask(kind, value)
    assert masked.endswith(HIDDEN)
    assert len(masked) - len(HIDDEN) <= min(4, len(value) // 3)


@given(st.sampled_from(sorted(kinds())), st.text(max_size=200))
def test_nothing_makes_it_raise(kind: str, value: str) -> None:
    mask(kind, value)


@given(st.lists(st.tuples(st.sampled_from(sorted(kinds())), st.text(max_size=20)), max_size=40))
def test_in_one_report_a_value_has_one_mask_and_no_other_has_it(given_: list[tuple[str, str]]) -> None:
    masks = Masks()
    shown = {(kind, value): masks.mask(kind, value) for kind, value in given_}
    assert all(masks.mask(kind, value) == mask_ for (kind, value), mask_ in shown.items())
    numbered = {(kind, mask_) for (kind, value), mask_ in shown.items()}
    assert len(numbered) == len(shown)


def test_they_are_numbered_by_kind() -> None:
    masks = Masks()
    assert masks.mask("imei", "356938035643518") == "#1 35693803•••••••"
    assert masks.mask("imei", "356938035643809") == "#2 35693803•••••••"
    assert masks.mask("mac", "ac:37:43:11:22:33") == "#1 ac:37:43:•••••••"
    assert masks.mask("imei", "356938035643518") == "#1 35693803•••••••"
    assert masks.mask("model", "Nokia 7 plus") == "Nokia 7 plus"
