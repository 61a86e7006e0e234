"""Which formats a report has, and which one a file's name asks for. Imports nothing, so that help is quick."""

from collections.abc import Mapping

FORMATS = ("terminal", "json", "csv", "markdown", "html", "pdf", "stix")
"""Each is written by `write` of the module of its name in this package, which is imported when it is used."""
BINARY = frozenset({"pdf"})
"""Formats that are bytes; the others are text."""
ENDINGS = {
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".stix.json": "stix",
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "terminal",
}


class UnknownEndingError(ValueError):
    """The name of a file asks for no format; the message says which endings do."""


def format_of(chosen: str | None, output: str | None, endings: Mapping[str, str], default: str) -> str:
    """The format that was chosen, or the one for the file's ending; the default where there is no file. Raises
    UnknownEndingError."""
    if chosen:
        return chosen
    if not output or output == "-":
        return default
    ending = max((each for each in endings if output.lower().endswith(each)), key=len, default=None)
    if ending is None:
        raise UnknownEndingError(
            f"no format for the ending of {output!r}: use {', '.join(sorted(endings))}, or say --format"
        )
    return endings[ending]
