import pytest

from phonehome.analysis.identifiers.rule import Strength
from phonehome.analysis.identifiers.sim import iccid, imsi, phone_number


def test_imsi_of_a_network_in_use() -> None:
    checked = imsi("460030123456789")
    assert checked is not None
    assert checked.strength is Strength.PROVEN
    assert "460-03" in checked.note


def test_imsi_of_a_country_only_is_weak() -> None:
    checked = imsi("262991234567890")
    assert checked is not None
    assert checked.strength is Strength.WEAK


def test_imsi_of_no_country() -> None:
    assert imsi("199991234567890") is None
    assert imsi("155234567890123") is None


@pytest.mark.parametrize(
    ("text", "value", "strength"),
    [
        ("8947990000000000048", "8947990000000000048", Strength.PROVEN),
        ("8947990000000000048F", "8947990000000000048", Strength.PROVEN),
        (
            "89860318740123456789",
            "89860318740123456789",
            Strength.FITS,
        ),  # China Telecom; check digit not right
        ("8901260123456789012", "8901260123456789012", None),  # +1 is written 01
    ],
)
def test_iccid(text: str, value: str, strength: Strength | None) -> None:
    checked = iccid(text)
    assert checked is not None
    assert checked.value == value
    assert strength is None or checked.strength is strength


def test_iccid_of_no_country() -> None:
    assert iccid("8999912345678901234") is None


def test_phone_numbers() -> None:
    norwegian = phone_number("+47 912 34 567")
    assert norwegian is not None
    assert (norwegian.value, norwegian.strength) == ("+4791234567", Strength.SPECIFIC)
    assert phone_number("004791234567") == norwegian
    assert phone_number("4791234567").strength is Strength.FITS  # type: ignore[union-attr]
    national = phone_number("91234567")
    assert national is not None
    assert (national.value, national.strength) == ("91234567", Strength.WEAK)
    assert phone_number("+999123456789") is None
    assert phone_number("+1 (2) 3") is None
