import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.identifiers import kinds, mask


@pytest.mark.parametrize(
    ("kind", "value", "masked"),
    [
        ("imei", "356938035643518", "3569••••••••518"),
        ("iccid", "8947080012345678903", "8947••••••••903"),
        ("mac", "ac:37:43:11:22:33", "ac:3••••••••:33"),
        ("serial", "B2NGAA9871", "B2••••••••71"),
        ("ssid", "kitchen", "k••••••••n"),
        ("ssid", "home", "••••••••"),
        ("email", "anna.example@mail.example.org", "a•••@m•••.org"),
        ("position", "59.91273,10.74609", "59.•, 10.•"),
        ("position", "-0.12345,-179.99999", "-0.•, -179.•"),
        ("ip-address", "192.168.1.20", "192.••••••••"),
        ("ip-address", "fe80::1234:5678", "fe80:••••••••"),
        ("cell", "242-01-4123-27447297", "242-01-••••••••"),
        ("cell", "27447297", "••••••••"),
        ("access-points", "00:11:22:33:44:55,00:11:22:33:44:56", "•••••••• (2)"),
        ("installed-apps", "a.b,c.d,e.f", "•••••••• (3)"),
        ("model", "Nokia 7 plus", "Nokia 7 plus"),
        ("shoe-size", "0123456789", "01••••••••89"),
        ("known-value", "secret", "s••••••••t"),
    ],
)
def test_masks(kind: str, value: str, masked: str) -> None:
    assert mask(kind, value) == masked


SECRET = sorted(id for id, kind in kinds().items() if kind.mask == "ends")


@given(st.sampled_from(SECRET), st.text(max_size=60))
def test_at_most_seven_characters_stay_and_the_length_does_not_show(kind: str, value: str) -> None:
    masked = mask(kind, value)
    first, last = masked.split("•" * 8, 1) if "•" not in value else ("", "")
    assert len(first) <= 4
    assert len(last) <= 3
    assert len(first) + len(last) <= max(0, len(value) // 2)


@given(st.sampled_from(sorted(kinds())), st.text(max_size=200))
def test_nothing_makes_it_raise(kind: str, value: str) -> None:
    mask(kind, value)
