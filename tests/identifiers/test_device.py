import pytest
from stdnum import imei as standard

from phonehome.analysis.identifiers.device import imei, imeisv, mac, mac_digits, meid, serial
from phonehome.analysis.identifiers.rule import Strength


def test_imei_with_check_digit() -> None:
    checked = imei("356938035643809")
    assert checked is not None
    assert checked.strength is Strength.PROVEN
    assert checked.value == "356938035643809"
    assert "35" in checked.note


def test_imei_of_test_numbers_proves_less() -> None:
    checked = imei("001012340000425")
    assert standard.is_valid("001012340000425")
    assert checked is not None
    assert checked.strength is Strength.FITS


@pytest.mark.parametrize("number", ["356938035643801", "356938035643808", "123456789012345"])
def test_imei_with_another_last_digit_is_none(number: str) -> None:
    assert imei(number) is None


def test_imei_with_spare_digit_zero() -> None:
    assert not standard.is_valid("356938035643800")
    checked = imei("356938035643800")
    assert checked is not None
    assert checked.strength is Strength.WEAK


def test_imei_of_no_issuer_is_weak() -> None:
    number = next(f"7712345678901{n:02d}" for n in range(100) if standard.is_valid(f"7712345678901{n:02d}"))
    checked = imei(number)
    assert checked is not None
    assert checked.strength is Strength.WEAK


def test_imei_without_check_digit() -> None:
    assert imei("35693803564380") is not None
    assert imei("77693803564380") is None


def test_imeisv_begins_as_an_imei() -> None:
    assert imeisv("3569380356438012") is not None
    assert imeisv("1552345678901234") is None  # a time in microseconds


def test_meid() -> None:
    hexadecimal, decimal = meid("A000000012345F"), meid("268435456001193055")
    assert hexadecimal is not None
    assert hexadecimal.value == "A000000012345F"
    # The decimal form of the same number (3GPP2 S.R0048): 10 digits of the first 8, 8 digits of the last 6.
    assert decimal is not None
    assert decimal.value == f"{2684354560:08X}{1193055:06X}"
    assert meid("10000000123456") is None or meid("10000000123456").strength <= Strength.FITS  # type: ignore[union-attr]


def test_meid_of_decimal_digits_is_said_to_begin_as_an_imei() -> None:
    checked = meid("00101234000042")
    assert checked is not None
    assert "IMEI" in checked.note


def test_serial() -> None:
    assert serial("R58M12ABCDE").strength is Strength.FITS  # type: ignore[union-attr]
    assert serial("123456789").strength is Strength.WEAK  # type: ignore[union-attr]
    assert serial("COMPLETED") is None
    assert serial("1209d0b9-b959-42e6-b921-") is None


@pytest.mark.parametrize(
    "text",
    ["ac:37:43:11:22:33", "AC-37-43-11-22-33", "ac3743112233", "ac37.4311.2233"],
)
def test_mac_in_all_dresses(text: str) -> None:
    checked = mac(text)
    assert checked is not None
    assert checked.value == "ac:37:43:11:22:33"


@pytest.mark.parametrize(
    "text",
    ["02:00:00:00:00:00", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb", "33:33:00:00:00:01"],
)
def test_addresses_of_nobody(text: str) -> None:
    assert mac(text) is None


def test_mac_that_may_be_random_says_so() -> None:
    assert "randomised" in mac("da:a1:19:00:00:01").note  # type: ignore[union-attr]
    assert "randomised" not in mac("ac:37:43:11:22:33").note  # type: ignore[union-attr]


def test_mac_of_single_digits() -> None:
    assert mac_digits("0:1a:2b:3:4:5") == "001a2b030405"
