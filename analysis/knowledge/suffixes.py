"""Where names begin to belong to somebody: registrable domains, by the Public Suffix List.

The list comes with its library, and nothing is looked up online. It is read when the first name needs it, as a set of
lines: the library writes each rule in Punycode as well, which takes as long as everything else of a small report.
"""

from functools import cache
from typing import Final

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
    labels = host.lower().split(".")
    public = _public(labels, _lists()[0]) or 1
    return ".".join(labels[-public - 1 :]) if len(labels) > public else None


def private_suffix(host: str) -> str | None:
    """The suffix below which a company gives names to its customers (`github.io` of `you.github.io`), if the name is
    one or below one. None if it is not. Never raises."""
    host = _name(host)
    if not host:
        return None
    labels = host.lower().split(".")
    public = _public(labels, _lists()[1])
    return ".".join(labels[-public:]) if 0 < public <= len(labels) else None


def _name(host: str) -> str:
    """The name, if it can be one: an address is none."""
    last = host.rpartition(".")[2]
    if not last or len(host) > MAX_NAME or ":" in host or last.isdigit() or ".." in host or host[0] == ".":
        return ""
    return host


def _public(labels: list[str], rules: frozenset[str]) -> int:
    """How many of the last labels are a public suffix by the rules; 0 if none says so. The longest name that a rule is
    about decides; a rule with a wildcard is also about what stands before it (https://publicsuffix.org/list/)."""
    known = labels
    if any(label.startswith("xn--") for label in labels):
        known = [_as_listed(label) for label in labels]
    for start in range(len(known)):
        name = ".".join(known[start:])
        depth = len(known) - start
        if f"!{name}" in rules:
            return depth - 1
        if f"*.{name}" in rules:
            return depth + 1 if start else depth
        if name in rules:
            return depth
    return 0


def _as_listed(label: str) -> str:
    """A label as the list has it, which has Unicode where DNS has Punycode."""
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        return label


@cache
def _lists() -> tuple[frozenset[str], frozenset[str]]:
    """All rules; and those of private suffixes."""
    from publicsuffixlist import PSLFILE

    with open(PSLFILE, encoding="utf-8") as file:
        registries, _, private = file.read().partition(_PRIVATE)
    of_companies = _rules(private)
    return frozenset(_rules(registries) | of_companies), of_companies


def _rules(text: str) -> frozenset[str]:
    lines = (line.split(" ", 1)[0] for line in text.lower().split("\n") if line and not line.startswith("//"))
    return frozenset(lines)
