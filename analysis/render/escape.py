"""Making captured text safe to show. Hosts, paths, user agents and values are written by strangers."""

import json
import re
import unicodedata

MAX_TEXT = 2000
"""Characters of one captured text that are shown."""

# Other (control, format, surrogate, private use, unassigned) and line and paragraph separators: they move the
# cursor, colour a terminal, turn the direction of writing (https://trojansource.codes), or do not show.
_UNSAFE_CATEGORIES = ("C", "Zl", "Zp")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#|~!&])")


def printable(text: str, limit: int = MAX_TEXT) -> str:
    """The text with everything that is not a visible character shown as an escape (`\\x1b`, `\\u202e`), in
    one line, cut to `limit` characters."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escaped(character) if _unsafe(character) else character for character in text)


def markdown(text: str) -> str:
    """The text as it stands, in Markdown: no mark-up, no HTML, no end of a table's cell."""
    return _MARKDOWN.sub(r"\\\1", printable(text)).replace("://", ":&#47;&#47;")


def csv_cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula (OWASP, "CSV injection")."""
    text = printable(text)
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def json_text(value: object) -> str:
    """A value as JSON, in ASCII: no captured character acts on whoever shows it."""
    return json.dumps(value, indent=2, ensure_ascii=True).replace("\x7f", "\\u007f")


def _unsafe(character: str) -> bool:
    return unicodedata.category(character).startswith(_UNSAFE_CATEGORIES)


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
