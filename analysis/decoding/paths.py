"""Paths of values, made once. The fields of an object come again with each object of its shape, in one body and in
the next, so the path of each is remembered: that saves half the time of walking an object, and the memory of paths
that are equal."""

from collections.abc import Iterable

from phonehome.analysis.knowledge.catalogue import fits, without_compression

Path = tuple[str, ...]

NAME = 200
"""Characters of a name that are kept in a path: names are written by strangers too."""

_MOST = 20_000
"""Paths that are remembered; then all are forgotten, so that hostile names cost no memory."""


class Paths:
    """Paths by what leads to them."""

    __slots__ = ("_count", "_declared", "_fields", "_numbers", "_positions")

    def __init__(self, declared: Iterable[tuple[Path, int]]) -> None:
        """`declared` are lists of which items stand under their position, each with how many do."""
        self._declared = tuple(declared)
        self._count = 0
        self._fields: dict[Path, dict[str, Path]] = {}
        self._numbers: dict[tuple[Path, str], dict[int, tuple[str, Path]]] = {}
        self._positions: dict[Path, int] = {}

    def _room(self) -> None:
        self._count += 1
        if self._count >= _MOST:
            self._count = 0
            self._fields.clear()
            self._numbers.clear()
            self._positions.clear()

    def of_object(self, path: Path) -> dict[str, Path]:
        """Name -> path, of the fields of objects at a path, as far as they are remembered."""
        known = self._fields.get(path)
        if known is None:
            known = self._fields[path] = {}
            self._room()
        return known

    def of_field(self, known: dict[str, Path], path: Path, name: str) -> Path:
        """The path of one field, remembered from now on."""
        inner = known[name] = (*path, name) if name else path
        self._room()
        return inner

    def of_message(self, path: Path, numbers: str) -> dict[int, tuple[str, Path]]:
        """Number -> name and path, of the fields of a protobuf message; `numbers` are those of the messages around it,
        each followed by a dot."""
        known = self._numbers.get((path, numbers))
        if known is None:
            known = self._numbers[path, numbers] = {}
            self._room()
        return known

    def of_number(
        self, known: dict[int, tuple[str, Path]], path: Path, numbers: str, number: int
    ) -> tuple[str, Path]:
        """The name and path of one field of a message, remembered from now on."""
        name = f"{numbers}{number}"
        step = known[number] = (name, (*path, name))
        self._room()
        return step

    def positions(self, path: Path) -> int:
        """How many items of a list at a path have their position as a segment of their own (`[5]`, from 0). A list of
        like things needs none, and would have as many paths as items; so only where a field is declared by its
        position, up to the last that is."""
        known = self._positions.get(path)
        if known is None:
            plain = without_compression(path)
            counts = [count for declared, count in self._declared if fits(declared, plain)]
            known = self._positions[path] = max(counts, default=0)
            self._room()
        return known
