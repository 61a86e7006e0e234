"""What recognition gives: identifiers, each with its certainty, reason and place."""

from typing import Literal, NamedTuple, Protocol

Certainty = Literal["certain", "likely", "possible"]

RANK: dict[str, int] = {"certain": 3, "likely": 2, "possible": 1}


class Finding(NamedTuple):
    """An identifier that a transmission carried."""

    kind: str
    """As in `catalogue/identifiers.toml`: `imei`, `iccid`, `mac`, `cell`, `position`, ..."""
    value: str
    """Normalised, unmasked. Masking is for whoever shows it."""
    certainty: Certainty
    reason: str
    """Why it is held to be one: names the rule, the key, the check."""
    path: tuple[str, ...]
    """Where it stood: `("body", "base64", "json", "IMEI1")`."""
    name: str = ""
    """What the user calls it, where that is no kind (`work phone`); else empty."""


class DeclaredField(Protocol):
    """What the catalogue says that an endpoint is sent (`catalogue.Field` is one)."""

    @property
    def path(self) -> tuple[str, ...]:
        """As in `decoding.Value.path`, without segments for compression; `*` stands for any one segment."""

    @property
    def kind(self) -> str: ...

    @property
    def reason(self) -> str: ...
