"""The SIM: phone number, IMSI, ICCID."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from phonehome.analysis.identifiers.rule import Check, Checked, Strength, passes_luhn
from phonehome.analysis.knowledge.operators import network


def imsi(text: str) -> Checked | None:
    """Mobile country code and network code must be in use (ITU-T E.212)."""
    its = network(text)
    if its is None:
        return None
    if not its.rest or not its.told:
        note = f"country code {its.country}, but no network of that number is known"
        return Checked(text, Strength.WEAK, note)
    holder = its.told.get("brand") or its.told.get("operator") or "in use"
    return Checked(text, Strength.PROVEN, f"operator code {its.country}-{its.code} ({holder})")


def iccid(text: str) -> Checked | None:
    """`89`, then the country calling code. The check digit raises the strength; real cards can fail it."""
    digits = text.rstrip("Ff")
    country = _calling_code(digits[2:5])
    if country is None:
        return None
    if passes_luhn(digits):
        return Checked(
            digits, Strength.PROVEN, f"{len(digits)} digits, country code {country}, check digit right"
        )
    return Checked(
        digits, Strength.FITS, f"{len(digits)} digits, country code {country}, check digit not right"
    )


def _calling_code(digits: str) -> str | None:
    # Cards of the +1 countries write it as 01.
    known = _calling_codes()
    return next(
        (code for code in (digits[:3], digits[:2], digits[:1]) if code.removeprefix("0") in known), None
    )


@cache
def _calling_codes() -> frozenset[str]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def phone_number(text: str) -> Checked | None:
    """In international form if the numbering plan has it, else as it was sent: a national number cannot be
    checked without its country."""
    import phonenumbers

    text = text.removeprefix("tel:")
    international = text.startswith(("+", "00"))
    digits = "".join(filter(str.isdecimal, text))
    if text.startswith("00"):
        digits = digits[2:]
    if not 7 <= len(digits) <= 15:
        return None
    if (
        not international
        and len(digits) == 11
        and phonenumbers.is_valid_number(mobile := phonenumbers.parse(digits, "CN"))
    ):
        # China's mobile numbers are written without country code there, and are longer than most.
        said = "11 digits, as mobile numbers in China"
        if phonenumbers.number_type(mobile) == phonenumbers.PhoneNumberType.MOBILE:
            return Checked(digits, Strength.SPECIFIC, said)
    try:
        number = phonenumbers.parse("+" + digits)
        valid = phonenumbers.is_valid_number(number)
    except phonenumbers.NumberParseException:
        valid = False
    if valid and international:
        note = f"a number of the +{number.country_code} numbering plan"
        return Checked("+" + digits, Strength.SPECIFIC, note)
    if international:
        return None
    if valid and len(digits) >= 10:
        return Checked(
            "+" + digits, Strength.FITS, f"a number of the +{number.country_code} numbering plan, without +"
        )
    return Checked(digits, Strength.WEAK, f"{len(digits)} digits, perhaps a national number")


def eid(text: str) -> Checked | None:
    """32 digits, of which the last two are check digits by ISO 7064 MOD 97-10 (GSMA SGP.29)."""
    if int(text) % 97 != 1:
        return None
    return Checked(text, Strength.PROVEN, "32 digits, check digits right")


CHECKS: Final[Mapping[str, Check]] = {
    "eid": eid,
    "imsi": imsi,
    "iccid": iccid,
    "phone-number": phone_number,
}
