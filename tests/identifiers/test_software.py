import pytest

from phonehome.analysis.identifiers.rule import Strength
from phonehome.analysis.identifiers.software import android_id, build, email, generated_id

HEXADECIMAL = "d3a5b1c2e4f60718"
NUMBER = 0xD3A5B1C2E4F60718


@pytest.mark.parametrize("text", [HEXADECIMAL, HEXADECIMAL.upper(), str(NUMBER), str(NUMBER - (1 << 64))])
def test_android_id_as_text_and_as_number(text: str) -> None:
    checked = android_id(text)
    assert checked is not None
    assert checked.value == HEXADECIMAL


def test_android_id_of_few_bits_is_none() -> None:
    assert android_id("00000000000123456") is None
    assert android_id(str(1 << 64)) is None


def test_android_id_without_leading_zeros_is_weak() -> None:
    checked = android_id("d3a5b1c2e4f607")
    assert checked is not None
    assert (checked.value, checked.strength) == ("00d3a5b1c2e4f607", Strength.WEAK)


def test_generated_ids() -> None:
    assert generated_id("dXy12-_abcdefghijkLMNO").strength is Strength.SPECIFIC  # type: ignore[union-attr]
    assert generated_id("XZ9dd82044-772f-4b99-b17b-208e9c3cc38b").strength is Strength.SPECIFIC  # type: ignore[union-attr]
    assert generated_id("1172860168313205995").note == "19 digits"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["icon@2x.png", "logo@3x.jpeg", "a..b@example.org", ".a@example.org"])
def test_what_looks_like_an_address(text: str) -> None:
    assert email(text) is None


def test_email_keeps_the_case_of_the_name() -> None:
    assert email("Anna@EXAMPLE.org").value == "Anna@example.org"  # type: ignore[union-attr]


def test_build() -> None:
    fingerprint = "google/redfin/redfin:13/TQ3A.230605.012/10204971:user/release-keys"
    assert build(fingerprint).strength is Strength.SPECIFIC  # type: ignore[union-attr]
    assert build("00WW_3_39B_SP03").strength is Strength.SPECIFIC  # type: ignore[union-attr]
    assert build("release_39B_SP03").strength is Strength.FITS  # type: ignore[union-attr]
    assert build("1.2.3").strength is Strength.WEAK  # type: ignore[union-attr]
    assert build("release") is None
    assert build("d470d22f237aee69843355edba5a8178") is None
