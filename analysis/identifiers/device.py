"""The device: IMEI, IMEISV, MEID, serial number, MAC address."""

import re
from collections.abc import Mapping
from typing import Final

from phonehome.analysis.identifiers.kinds import kind
from phonehome.analysis.identifiers.rule import REPEATED, Check, Checked, Strength, passes_luhn


def imei(text: str) -> Checked | None:
    """15 digits of which the last is the Luhn check digit, or 0 as spare digit, which is what the standard
    has phones send to the network; or 14 digits without it (3GPP TS 23.003, 6.2.1)."""
    issued = text.startswith(kind("imei").prefixes)
    if len(text) == 15:
        if passes_luhn(text):
            note = f"15 digits, check digit right, issuer {text[:2]}"
            if text.startswith(kind("imei").current):
                return Checked(text, Strength.PROVEN, note)
            if issued:
                return Checked(text, Strength.FITS, f"{note} (of test or past numbers)")
            return Checked(text, Strength.WEAK, "15 digits, check digit right, but no known issuer")
        if text[-1] != "0" or not issued:
            return None
        return Checked(text, Strength.WEAK, f"15 digits, issuer {text[:2]}, the last sent as 0")
    if not issued:
        return None
    return Checked(text, Strength.FITS, f"14 digits, issuer {text[:2]}, without check digit")


def imeisv(text: str) -> Checked | None:
    if not text.startswith(kind("imeisv").prefixes):
        return None
    return Checked(text, Strength.FITS, f"16 digits, issuer {text[:2]}")


def meid(text: str) -> Checked | None:
    """14 hexadecimal digits of which the first two are A0 to FF, or 99 for those of decimal digits; perhaps a
    check digit; or 18 decimal digits. Given as 14 hexadecimal digits."""
    from stdnum import meid as standard
    from stdnum.exceptions import ValidationError

    text = text.upper()
    try:
        value = standard.validate(text)
    except ValidationError:
        return None
    if value.isdecimal() and value.startswith(kind("imei").prefixes):
        # Phones of both families have one number for both names.
        return Checked(value, Strength.FITS, f"14 decimal digits, as an IMEI begins, issuer {value[:2]}")
    if not ("A0" <= value[:2] <= "FF" or value[:2] == "99"):
        return Checked(value, Strength.WEAK, "the form of a MEID, but no known region code")
    if len(text) in (15, 19):
        return Checked(value, Strength.PROVEN, "MEID with its check digit right")
    return Checked(value, Strength.FITS, f"{len(text)} digits, region code {value[:2]}")


def serial(text: str) -> Checked | None:
    """Makers number as they like: letters and digits mixed is as much as can be asked."""
    letters = sum(map(str.isalpha, text))
    digits = sum(map(str.isdecimal, text))
    if not digits or _UUID(text):
        return None
    if letters and digits > 1 and len(text) >= 7:
        return Checked(text, Strength.FITS, "letters and digits, as makers number")
    return Checked(text, Strength.WEAK, "digits, as some makers number")


_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{0,12}").fullmatch
_MAC_SEPARATORS = re.compile(r"[^0-9a-f]")


def mac_digits(text: str) -> str | None:
    """The 12 hexadecimal digits of a MAC address; None if it is a group's (no station has such a one), a
    constant that stands for none, or the like."""
    if ":" in text or "-" in text:
        digits = "".join(part.rjust(2, "0") for part in re.split("[:-]", text.lower()))
    else:
        digits = _MAC_SEPARATORS.sub("", text.lower())
    if len(digits) != 12 or digits in kind("mac").never or REPEATED(digits) or int(digits[:2], 16) & 1:
        return None
    return digits


def spelled(digits: str) -> str:
    """A MAC address as it is usually written."""
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))


def mac(text: str) -> Checked | None:
    digits = mac_digits(text)
    if digits is None:
        return None
    separated = len(text) > 12
    note = "12 hexadecimal digits" if not separated else "6 pairs of hexadecimal digits"
    if int(digits[:2], 16) & 2:
        note += "; locally administered, so perhaps randomised"
    if separated:
        return Checked(spelled(digits), Strength.SPECIFIC, note)
    return Checked(spelled(digits), Strength.WEAK if digits.isdecimal() else Strength.FITS, note)


def drm_id(text: str) -> Checked | None:
    """What MediaDrm gives as the device's unique id: 32 bytes with Widevine."""
    return Checked(text, Strength.FITS, f"{len(text)} characters of a random id")


CHECKS: Final[Mapping[str, Check]] = {
    "drm-id": drm_id,
    "imei": imei,
    "imeisv": imeisv,
    "meid": meid,
    "serial": serial,
    "mac": mac,
}
