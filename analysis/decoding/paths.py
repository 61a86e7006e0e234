"""Paths of values, made once. The fields of an object come again with each object of its shape, in one body and in
the next, so the path of each is remembered: that saves half the time of walking an object, and the memory of paths
that are equal."""

from functools import cache

from phonehome.analysis.knowledge.catalogue import POSITION, catalogue, fits, without_compression

Path = tuple[str, ...]

NAME = 200
"""Characters of a name that are kept in a path: names are written by strangers too."""

_MOST = 20_000
"""Paths that are remembered; then all are forgotten, so that hostile names cost no memory."""

_count = 0
_fields: dict[Path, dict[str, Path]] = {}
_numbers: dict[tuple[Path, str], dict[int, tuple[str, Path]]] = {}
_positions: dict[Path, int] = {}


def _room() -> bool:
    global _count
    _count += 1
    if _count < _MOST:
        return True
    _count = 0
    _fields.clear()
    _numbers.clear()
    _positions.clear()
    return False


def of_object(path: Path) -> dict[str, Path]:
    """Name -> path, of the fields of objects at a path, as far as they are remembered."""
    known = _fields.get(path)
    if known is None:
        known = _fields[path] = {}
        _room()
    return known


def of_field(known: dict[str, Path], path: Path, name: str) -> Path:
    """The path of one field, remembered from now on."""
    inner = known[name] = (*path, name) if name else path
    _room()
    return inner


def of_message(path: Path, numbers: str) -> dict[int, tuple[str, Path]]:
    """Number -> name and path, of the fields of a protobuf message; `numbers` are those of the messages around it, each
    followed by a dot."""
    known = _numbers.get((path, numbers))
    if known is None:
        known = _numbers[path, numbers] = {}
        _room()
    return known


def of_number(known: dict[int, tuple[str, Path]], path: Path, numbers: str, number: int) -> tuple[str, Path]:
    """The name and path of one field of a message, remembered from now on."""
    name = f"{numbers}{number}"
    step = known[number] = (name, (*path, name))
    _room()
    return step


def positions(path: Path) -> int:
    """How many items of a list at a path have their position as a segment of their own (`[5]`, from 0). A list of
    like things needs none, and would have as many paths as items; so only where the catalogue declares a
    field by its position, up to the last that it declares."""
    known = _positions.get(path)
    if known is None:
        plain = without_compression(path)
        counts = [count for declared, count in _declared() if fits(declared, plain)]
        known = _positions[path] = max(counts, default=0)
        _room()
    return known


@cache
def _declared() -> frozenset[tuple[Path, int]]:
    """Lists of which the catalogue declares items by position, each with one more than the last of these."""
    return frozenset(
        (field.path[:place], int(match[1]) + 1)
        for endpoint in catalogue().endpoints.values()
        for field in endpoint.fields
        for place, segment in enumerate(field.path)
        if (match := POSITION(segment))
    )
