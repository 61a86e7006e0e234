"""What is known of how requests name the app that sent them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from phonehome.analysis.knowledge import schema


@dataclass(frozen=True, slots=True, eq=False)
class Apps:
    """All of it. Compared by identity, so that what is made of it can be remembered."""

    headers: frozenset[str]
    """Names (lower case) of headers whose value is the id of an app."""
    lengths: frozenset[int]
    """Of these names and of `user-agent`: by its length most headers are passed over."""
    user_agents: tuple[tuple[re.Pattern[str], str, str], ...]
    """Patterns with the groups `id` and `name`, and the name and id of the app where it is always the same."""
    fields: Mapping[str, frozenset[str]]
    """By host (with `*.` before it: and all below): the keys under which it gets the id of the app."""
    endings: frozenset[str]
    """The last two labels of these hosts: by them most hosts are passed over."""

    @classmethod
    def of(cls, apps: schema.AppsFile) -> Self:
        """What the file says."""
        fields: dict[str, frozenset[str]] = {}
        for field in apps.field:
            for host in field.hosts:
                fields[host] = fields.get(host, frozenset()) | frozenset(field.keys)
        return cls(
            frozenset(header.name for header in apps.header),
            frozenset(len(name) for name in ("user-agent", *(header.name for header in apps.header))),
            tuple((rule.pattern, rule.app, rule.app_id) for rule in apps.user_agent),
            fields,
            frozenset(_ending(host) for host in fields),
        )

    def keys(self, host: str) -> frozenset[str]:
        """The keys under which a host gets the id of the app."""
        if _ending(host) not in self.endings:
            return frozenset()
        found = self.fields.get(host)
        while found is None:
            _, dot, host = host.partition(".")
            if not dot:
                return frozenset()
            found = self.fields.get("*." + host)
        return found


def _ending(host: str) -> str:
    return ".".join(host.rsplit(".", 2)[-2:])
