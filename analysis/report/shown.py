"""How captured texts stand in sentences: as they are, or masked.

Who draws a conclusion looks at the document as it is. Who phrases one puts captured texts into the sentence through
this, piece by piece, so that a captured text can change no word of ours.
"""

from typing import Final, Protocol


class Shown(Protocol):
    """What is shown of a captured text, by what it is."""

    def value(self, kind: str, value: str) -> str:
        """Of an identifier."""

    def host(self, text: str) -> str:
        """Of a host name or an address."""

    def name(self, text: str) -> str:
        """Of a model, a build, the name of a device or of a file."""

    def id(self, text: str) -> str:
        """Of the id of a flow."""


class _Plain:
    def value(self, kind: str, value: str) -> str:
        return value

    def host(self, text: str) -> str:
        return text

    name = id = host


PLAIN: Final[Shown] = _Plain()
"""Everything as it is."""
