"""The list of installed apps: package names, several in one body."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from phonehome.analysis.identifiers.finding import Certainty, Finding
from phonehome.analysis.identifiers.kinds import kind
from phonehome.analysis.identifiers.rule import Noted, Placed, declared_reason, list_path

LEAST: Final = 5
"""Different packages in one place; fewer are the app itself and what it is built from."""
MAX_LISTED: Final = 512
"""Packages that a finding names."""
MAX_TEXT: Final = 65536
"""Characters of a text that are taken apart."""

_SEPARATORS = re.compile(r"[\s,;|\"'\[\]{}]+")


@cache
def _pattern() -> re.Pattern[str]:
    rule = kind("installed-apps")
    words = "|".join(map(re.escape, rule.prefixes))
    return re.compile(rf"(?:{words})\.[a-z][a-zA-Z0-9_]*(?:\.[a-z][A-Za-z0-9_]*){{0,8}}")


def is_package(text: str) -> bool:
    """Whether a text has the form of an application id as apps have them (reversed domain, lower case), and is no
    library's name."""
    return (
        len(text) < 128
        and _pattern().fullmatch(text) is not None
        and not text.startswith(kind("installed-apps").not_beginning)
    )


def installed_apps(named: Iterable[Noted], others: Iterable[Noted]) -> list[Placed]:
    """Lists of packages: under a name that says so (`named`, likely), or any list (`others`, possible)."""
    lists: dict[tuple[str, ...], tuple[Noted, dict[str, None], bool]] = {}
    for sure, candidates in ((True, named), (False, others)):
        for each in candidates:
            if each.declared is not None and each.declared.kind != "installed-apps":
                continue
            declared = each.declared is not None
            if not (declared or not sure or "packages" in each.meaning.roles):
                continue
            path = list_path(each.value.path)
            words = [each.text] if not sure else _SEPARATORS.split(each.text[:MAX_TEXT])
            packages = [word for word in words if is_package(word)]
            if packages:
                lists.setdefault(path, (each, {}, sure))[1].update(dict.fromkeys(packages))
    found: list[Placed] = []
    for path, (first, packages_seen, sure) in lists.items():
        if len(packages_seen) < LEAST:
            continue
        note = f"{len(packages_seen)} package names in one place"
        certainty: Certainty = "likely" if sure else "possible"
        reason = f"key {first.value.key}; {note}" if sure else note
        if first.declared is not None:
            certainty, reason = "certain", declared_reason(first.declared, note)
        value = ",".join(sorted(packages_seen)[:MAX_LISTED])
        found.append((first.place, Finding("installed-apps", value, certainty, reason, path)))
    return found
