"""Who uses the device: user ids, names, dates of birth, and the contacts of an address book."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.identifiers.kinds import kind, meaning
from phonehome.analysis.identifiers.rule import Check, Checked, Noted, Placed, Strength, list_path
from phonehome.analysis.identifiers.sim import phone_number
from phonehome.analysis.identifiers.software import email

LEAST_CONTACTS: Final = 2
"""Different numbers or addresses in one address book; a single one can be the user's own."""
MAX_LISTED: Final = 64
"""Contacts that a finding names."""
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2035
"""Years in which somebody who uses a phone can be born; later ones are a program's."""

_SHORT: Final = 5
"""Digits below which a number is rather a place in a list."""
_DATE = re.compile(
    r"(?P<y>[12][0-9]{3})[-/. ]?(?P<m>[01]?[0-9])[-/. ]?(?P<d>[0-3]?[0-9])(?:[T ].{0,30})?"
    r"|(?P<d2>[0-3]?[0-9])[-/. ](?P<m2>[01]?[0-9])[-/. ](?P<y2>[12][0-9]{3})"
    r"|(?P<m3>[01]?[0-9])/(?P<d3>[0-3]?[0-9])/(?P<y3>[12][0-9]{3})"
).fullmatch
_YEAR = re.compile(r"[12][0-9]{3}").fullmatch


def user_id(text: str) -> Checked | None:
    """A number or token that a service gave a user."""
    if text.isdecimal():
        if len(text) < _SHORT:
            return None
        return Checked(text, Strength.FITS, f"a number of {len(text)} digits")
    if not any(map(str.isdecimal, text)) or "." in text[:4]:
        return None
    return Checked(text, Strength.FITS, f"{len(text)} characters with digits among them")


def person_name(text: str) -> Checked | None:
    """One to six words of letters."""
    words = text.split()
    if not 0 < len(words) <= 6 or text.lower() in kind("person-name").never:
        return None
    # Signs of vowels and the like are no letters: Hindi names have them.
    if any(mark.isdecimal() or mark in '{}[]<>_=/\\@#%|:;"$' for mark in text):
        return None
    return Checked(text, Strength.FITS, "words of letters")


def birth_date(text: str) -> Checked | None:
    """A day, in the order of any country; a year alone is weak."""
    if _YEAR(text):
        return Checked(text, Strength.WEAK, "a year") if FIRST_YEAR <= int(text) <= LAST_YEAR else None
    match = _DATE(text)
    if match is None:
        return None
    year, month, day = (int(match[name] or match[f"{name}2"] or match[f"{name}3"]) for name in "ymd")
    if match["y2"] and month > 12 >= day:
        month, day = day, month
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    return Checked(text, Strength.FITS, "a date")


CHECKS: Final[Mapping[str, Check]] = {
    "user-id": user_id,
    "person-name": person_name,
    "birth-date": birth_date,
}


def contacts(noted: Iterable[Noted], found: Sequence[Placed]) -> tuple[list[Placed], set[int]]:
    """Address books: several telephone numbers or e-mail addresses under a name for such a list. Also gives the places
    of the findings that are contacts, so that they are not reported once more as the user's own."""
    books: dict[tuple[str, ...], dict[str, int]] = {}
    of_book: dict[tuple[str, ...], set[int]] = {}
    single = [
        *((place, each.path, each.value) for place, each in found if each.kind in _OF_A_CONTACT),
        *(
            (each.place, (*each.value.path, ""), checked.value)
            for each in noted
            if "contacts" in each.meaning.roles and (checked := _contact(each.text)) is not None
        ),
    ]
    for place, path, value in single:
        at = next((size for size, name in enumerate(path[:-1], 1) if "contacts" in meaning(name).roles), 0)
        if at:
            book = list_path(path[:at])
            books.setdefault(book, {}).setdefault(value, place)
            of_book.setdefault(book, set()).add(place)
    made: list[Placed] = []
    taken: set[int] = set()
    for book, values in books.items():
        if len(values) < LEAST_CONTACTS:
            continue
        taken |= of_book[book]
        note = f"key {book[-1]}; {len(values)} telephone numbers or e-mail addresses in one list"
        value = ",".join(sorted(values)[:MAX_LISTED])
        made.append((min(values.values()), Finding("contacts", value, "likely", note, book)))
    return made, taken


_OF_A_CONTACT: Final = frozenset({"phone-number", "email"})


def _contact(text: str) -> Checked | None:
    for id, check in (("email", email), ("phone-number", phone_number)):
        if kind(id).shape(text) and (checked := check(text)) and checked.strength >= Strength.SPECIFIC:
            return checked
    return None
