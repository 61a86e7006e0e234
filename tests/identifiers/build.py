"""Values for the tests of this folder."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from phonehome.analysis.decoding import Decoded, Value
from phonehome.analysis.identifiers import DeclaredField, Finding, KnownValues, Recogniser
from phonehome.analysis.transmission import Transmission


class Declared(NamedTuple):
    """A declared field, as the catalogue has them."""

    path: tuple[str, ...]
    kind: str
    reason: str = "said so by its maker"


def decoded(*objects: Mapping[str, Any], root: tuple[str, ...] = ("body", "json")) -> Decoded:
    """The values of objects without nesting, each a group; a list gives several values of one name."""
    values = [
        Value((*root, key), key, item, group)
        for group, fields in enumerate(objects, 1)
        for key, data in fields.items()
        for item in (data if isinstance(data, list) else [data])
    ]
    return Decoded(tuple(values), ())


def brief(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    """What matters most of findings: kind, value, certainty."""
    return [(each.kind, each.value, each.certainty) for each in findings]


def recognise(
    decoded: Decoded,
    declared: Sequence[DeclaredField] = (),
    known: KnownValues | None = None,
    transmission: Transmission | None = None,
) -> tuple[Finding, ...]:
    """What a recogniser, new each time, makes of these values."""
    return Recogniser(known).recognise(decoded, declared, transmission)
