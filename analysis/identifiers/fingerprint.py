"""Whether two phones are one, from reports in which identifiers are masked.

A masked value tells no phone from another, and a hash of one identifier can be undone: an IMEI whose type code is shown
has a million candidates. A fingerprint is made of two identifiers that have nothing to do with each other, so that both
would have to be guessed together: IMEI and MAC address leave 10^6 x 16^6 = 1.7 x 10^13, at ten milliseconds each
(scrypt, RFC 7914) 5,000 years of one processor.
"""

import hashlib
from collections.abc import Iterable
from itertools import combinations
from typing import Final

MOST_VALUES: Final = 2
"""Values of a family that are taken, the first in order; a phone has one or two."""
_FAMILIES: Final = {"imei": "equipment", "meid": "equipment", "mac": "mac", "android-id": "android-id"}
"""Kind -> what it is a number of. Of one family there is no pair: a phone's two IMEIs follow each other."""
_EQUIPMENT: Final = 14
"""Digits of an IMEI without its check digit; a MEID can be these."""
_SALT: Final = b"phonehome: is it the same phone"
_COST: Final = 1 << 12


def fingerprints(identifiers: Iterable[tuple[str, str]]) -> list[str]:
    """One for each pair of a phone's identifiers, given as kind and value; sorted. Empty if it has no pair."""
    found: dict[str, set[str]] = {}
    for kind, value in identifiers:
        family = _FAMILIES.get(kind)
        if family is not None:
            found.setdefault(family, set()).add(value[:_EQUIPMENT] if family == "equipment" else value)
    values = [(family, value) for family in sorted(found) for value in sorted(found[family])[:MOST_VALUES]]
    return sorted(
        _hash("\0".join((*one, *other))) for one, other in combinations(values, 2) if one[0] != other[0]
    )


def _hash(text: str) -> str:
    return hashlib.scrypt(text.encode(), salt=_SALT, n=_COST, r=8, p=1, dklen=16).hex()
