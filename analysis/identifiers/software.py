"""What software gave the device or its user: advertising, Android, vendor, installation and session ids,
e-mail and other accounts, builds and models."""

import re
from collections.abc import Mapping
from typing import Final

from phonehome.analysis.identifiers.kinds import kind
from phonehome.analysis.identifiers.rule import Check, Checked, Strength

UUID_NOTE: Final = "a UUID"
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch
_FIREBASE_INSTALLATION = re.compile(r"[c-f][0-9A-Za-z_-]{21}").fullmatch
_UDID = re.compile(r"[0-9A-Fa-f]{8}-00[0-9A-Fa-f]{14}").fullmatch
_XZ_UUID = re.compile(r"[A-Za-z]{2}[0-9a-fA-F]{8}-.*").fullmatch


def advertising_id(text: str) -> Checked | None:
    value = text.lower()
    if _UUID(value):
        return Checked(value, Strength.FITS, UUID_NOTE)
    # A UUID without its dashes, or what some makers have in its place, or a hash.
    strength = Strength.WEAK if len(value) == 32 else Strength.FITS
    return Checked(value, strength, f"{len(value)} hexadecimal digits")


def android_id(text: str) -> Checked | None:
    """16 hexadecimal digits (some programs drop leading zeros), or the same as a signed or unsigned 64-bit
    integer. Given as 16 hexadecimal digits."""
    if (text.lstrip("-").isdecimal() and len(text) > 16) or text.startswith("-"):
        number = int(text)
        if not (1 << 48 <= number < 1 << 64 or -(1 << 63) <= number < 0):
            return None
        return Checked(f"{number & (1 << 64) - 1:016x}", Strength.FITS, "a 64-bit number")
    value = text.lower()
    if value.isdecimal():
        return Checked(value.zfill(16), Strength.WEAK, f"{len(value)} decimal digits")
    if len(value) < 16:
        return Checked(
            value.zfill(16), Strength.WEAK, f"{len(value)} hexadecimal digits, leading zeros dropped"
        )
    return Checked(value, Strength.FITS, "16 hexadecimal digits")


def generated_id(text: str) -> Checked | None:
    """Vendor, installation and session ids, which look alike."""
    value = text.lower()
    if _UUID(value):
        return Checked(value, Strength.FITS, UUID_NOTE)
    if _FIREBASE_INSTALLATION(text) and any(map(str.isupper, text)) and any(map(str.isdecimal, text)):
        return Checked(text, Strength.SPECIFIC, "22 characters, as Firebase installation ids")
    if len(text) == 22 and not text.isalnum():
        return Checked(text, Strength.WEAK, "22 characters")
    if _UDID(text):
        return Checked(text.upper(), Strength.SPECIFIC, "8 and 16 digits, as Apple's device identifiers")
    if _XZ_UUID(text):
        return Checked(text, Strength.SPECIFIC, "a UUID after two letters")
    what = "digits" if value.isdecimal() else "characters"
    return Checked(value, Strength.FITS, f"{len(value)} {what}")


def email(text: str) -> Checked | None:
    local, _, domain = text.rpartition("@")
    if domain.lower().endswith(kind("email").not_ending) or ".." in local or local.startswith("."):
        return None
    return Checked(f"{local}@{domain.lower()}", Strength.SPECIFIC, "the form of an e-mail address")


def account(text: str) -> Checked | None:
    return Checked(text, Strength.FITS, "an account's name or number")


def build(text: str) -> Checked | None:
    fingerprint = kind("build").alone
    if fingerprint is not None and fingerprint(text):
        return Checked(text, Strength.SPECIFIC, "the form of an Android build fingerprint")
    special = kind("build").special
    if special is not None and special(text):
        return Checked(text, Strength.SPECIFIC, "the form of a system's build")
    if not any(map(str.isdecimal, text)) or _HASH(text) or _MEMORY(text) or _PAIRS(text):
        return None
    if _COMMIT(text):
        return Checked(
            text, Strength.WEAK, f"{len(text)} hexadecimal digits, as those of a program's source are"
        )
    if len(text) >= 6 and any(map(str.isalpha, text)):
        return Checked(text, Strength.FITS, "a build's name")
    return Checked(text, Strength.WEAK, "a version")


_PAIRS = re.compile(r"(?:[0-9A-Fa-f]{2}:){7,}[0-9A-Fa-f]{2}").fullmatch
"""How the fingerprint of a certificate is written."""
_MEMORY = re.compile(
    r"[0-9][0-9.,]{0,6} ?[KMGT]i?B?(?: ?[+/,] ?[0-9][0-9.,]{0,6} ?[KMGT]i?B?)?", re.IGNORECASE
).fullmatch
"""The size of a memory, or of two: ROM and RAM are also what phones have of these."""
_COMMIT = re.compile(r"(?=[0-9]*+[a-f])[0-9a-f]{7,31}+").fullmatch
_HASH = re.compile(r"[0-9A-Fa-f]{32,}|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}").fullmatch


def model(text: str) -> Checked | None:
    """A name. Words in lower case with hyphens between them name programs and language models."""
    if not any(map(str.isalnum, text)) or _PROGRAM(text):
        return None
    return Checked(text, Strength.FITS, "a name")


_PROGRAM = re.compile(r"[a-z0-9.]++(?:-[a-z0-9.]++)+").fullmatch


def push_token(text: str) -> Checked | None:
    """The address under which messages reach an app on this device."""
    special = kind("push-token").special
    if special is not None and special(text):
        return Checked(text, Strength.SPECIFIC, "the form of a token of Firebase Cloud Messaging")
    if text.isalpha() or (text.isdecimal() and len(text) < _LEAST_TOKEN):
        return None
    return Checked(text, Strength.FITS, f"{len(text)} characters of a token")


_LEAST_TOKEN: Final = 32


def cookie(text: str) -> Checked | None:
    """What a site told a browser to say each time. Words and short numbers are settings."""
    digits = sum(map(str.isdecimal, text))
    if digits == len(text) < _LEAST_COOKIE or (not digits and (text.islower() or len(text) < _LEAST_RANDOM)):
        return None
    return Checked(text, Strength.FITS, f"{len(text)} characters that a site set")


_LEAST_COOKIE: Final = 7
_LEAST_RANDOM: Final = 12
"""Digits of a number, and letters of a random text, from which on they can tell one browser from another."""


def device_name(text: str) -> Checked | None:
    special = kind("device-name").special
    if special is not None and special(text):
        return Checked(text, Strength.SPECIFIC, "a name as systems give it after its owner")
    return Checked(text, Strength.FITS, "a name") if any(map(str.isalnum, text)) else None


CHECKS: Final[Mapping[str, Check]] = {
    "push-token": push_token,
    "cookie": cookie,
    "device-name": device_name,
    "advertising-id": advertising_id,
    "android-id": android_id,
    "vendor-id": generated_id,
    "installation-id": generated_id,
    "session-id": generated_id,
    "email": email,
    "account": account,
    "build": build,
    "model": model,
}
