"""Paths of values, made once. The fields of an object come again with each object of its shape, in one body and in
the next, so the path of each is remembered: that saves half the time of walking an object, and the memory of paths
that are equal."""

Path = tuple[str, ...]

NAME = 200
"""Characters of a name that are kept in a path: names are written by strangers too."""

_MOST = 20_000
"""Paths that are remembered; then all are forgotten, so that hostile names cost no memory."""

_count = 0
_fields: dict[Path, dict[str, Path]] = {}
_numbers: dict[tuple[Path, str], dict[int, tuple[str, Path]]] = {}


def _room() -> bool:
    global _count
    _count += 1
    if _count < _MOST:
        return True
    _count = 0
    _fields.clear()
    _numbers.clear()
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
