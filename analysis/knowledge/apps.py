"""What is known of how requests name the app that sent them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from phonehome.analysis.knowledge import schema


@dataclass(frozen=True, slots=True)
class Apps:
    """All of it."""

    headers: frozenset[str]
    """Names (lower case) of headers whose value is the id of an app."""
    user_agents: tuple[tuple[re.Pattern[str], str, str], ...]
    """Patterns with the groups `id` and `name`, and the name and id of the app where it is always the same."""
    fields: Mapping[str, frozenset[str]]
    """By host (with `*.` before it: and all below): the keys under which it gets the id of the app."""

    @classmethod
    def of(cls, apps: schema.Apps) -> Self:
        """What the file says."""
        fields: dict[str, frozenset[str]] = {}
        for field in apps.field:
            for host in field.hosts:
                fields[host] = fields.get(host, frozenset()) | frozenset(field.keys)
        return cls(
            frozenset(header.name for header in apps.header),
            tuple((rule.pattern, rule.app, rule.app_id) for rule in apps.user_agent),
            fields,
        )

    def keys(self, host: str) -> frozenset[str]:
        """The keys under which a host gets the id of the app."""
        found = self.fields.get(host)
        while found is None:
            _, dot, host = host.partition(".")
            if not dot:
                return frozenset()
            found = self.fields.get("*." + host)
        return found
