"""Where names begin to belong to somebody: registrable domains, by the Public Suffix List.

The list comes with its library, and nothing is looked up online. To read it takes time, so that it is read when
the first name needs it.
"""

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_NAME: Final = 253
"""Characters of a name (RFC 1035); a longer one is none."""
_PRIVATE: Final = "// ===BEGIN PRIVATE DOMAINS==="


def registrable(host: str) -> str | None:
    """The domain that somebody registered: `vnet.cn` of `zzhc.vnet.cn`; below a private suffix, the customer's name
    (`you.github.io`). None for a public suffix, a name of one label, an address, and what is no name. Never raises."""
    host = _name(host)
    if not host:
        return None
    suffix = private_suffix(host)
    if suffix is not None:
        label = host.removesuffix(suffix).rstrip(".").rpartition(".")[2]
        return f"{label}.{suffix}" if label else None
    found: str | None = _lists()[0].privatesuffix(host)
    return found


def private_suffix(host: str) -> str | None:
    """The suffix below which a company gives names to its customers (`github.io` of `you.github.io`), if the name is
    one or below one. None if it is not. Never raises."""
    host = _name(host)
    if not host:
        return None
    found: str | None = _lists()[1].publicsuffix(host)
    return found


def _name(host: str) -> str:
    """The name, if it can be one: an address is none."""
    last = host.rpartition(".")[2]
    if not last or len(host) > MAX_NAME or ":" in host or last.isdigit() or ".." in host or host[0] == ".":
        return ""
    return host


@cache
def _lists() -> "tuple[PublicSuffixList, PublicSuffixList]":
    """Suffixes of registries; and private ones, which knows no others."""
    from publicsuffixlist import PSLFILE, PublicSuffixList

    with open(PSLFILE, encoding="utf-8") as file:
        lines = [
            line for line in map(str.strip, file) if line and (line == _PRIVATE or not line.startswith("//"))
        ]
    lines = [form for line in lines for form in _forms(line)]
    private = lines.index(_PRIVATE)
    return (
        PublicSuffixList(source=lines, accept_encoded_idn=False),
        PublicSuffixList(source=lines[private:], accept_encoded_idn=False, accept_unknown=False),
    )


def _forms(line: str) -> tuple[str, ...]:
    """A line, and as it stands in DNS. The library would ask for that of every line, which takes long."""
    if line.isascii():
        return (line,)
    mark = "!" * line.startswith("!")
    return line, mark + line.removeprefix("!").encode("idna").decode("ascii")
