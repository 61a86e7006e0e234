"""Where networks say that a machine is: headers of content networks, names of services, names of addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from phonehome.analysis.knowledge.schema import EdgeHeader, EdgeHeaders, PlaceNames, PlaceWord, ServiceName


@dataclass(frozen=True, slots=True)
class Edges:
    """All of it, to look up."""

    by_header: Mapping[str, tuple[EdgeHeader, ...]]
    """By header name, lower case."""
    header_names: frozenset[bytes]
    services: tuple[ServiceName, ...]
    reverse_names: tuple[PlaceWord, ...]
    not_countries: frozenset[str]
    """Ends of names that are a country's, and say nothing of one."""

    @classmethod
    def of(cls, edges: EdgeHeaders, names: PlaceNames) -> Self:
        """What the files say."""
        by_header: dict[str, list[EdgeHeader]] = {}
        for edge in edges.edge:
            by_header.setdefault(edge.header, []).append(edge)
        return cls(
            by_header={name: tuple(found) for name, found in by_header.items()},
            header_names=frozenset(name.encode() for name in by_header),
            services=names.service,
            reverse_names=names.reverse,
            not_countries=frozenset(names.endings.not_countries),
        )
