"""What the internet registries say of an address: who holds the range, registered for which country.

Only for `--online`. The registry's country says where the holder is, not the machine: AWS's ranges in
Singapore are registered in the United States. It stands beside the location and never in its place.

The protocol is RDAP (RFC 9082, 9083), spoken by `ipwhois`, by way of ARIN's bootstrap service, which sends
each question on to the registry in charge.
"""

import io
import re
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipwhois import IPWhois
from ipwhois.exceptions import (
    BaseIpwhoisException,
    HTTPLookupError,
    HTTPRateLimitError,
    IPDefinedError,
)

LARGEST_REPLY = 1 << 20
"""Bytes of a registry's reply that are read; usual ones have some kilobytes."""

_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEntry:
    """The registry's entry for the range around an address. None is "not stated"."""

    address: str
    holder: str | None = None
    country: str | None = None
    """For which the range is registered; ISO 3166-1 alpha-2. Not where the machine is."""
    network_name: str | None = None
    network_range: str | None = None
    """`13.228.0.0/14`, or several with commas."""
    problem: str = ""
    """Why there is no entry; `` if there is one."""
    asked: float
    """Seconds since 1970-01-01T00:00Z."""


class BoundedOpener(urllib.request.OpenerDirector):
    """Opens URLs as another opener does, but reads no more than `LARGEST_REPLY`."""

    def __init__(self, inner: urllib.request.OpenerDirector | None = None) -> None:
        super().__init__()
        self._inner = inner or urllib.request.build_opener()

    def open(self, fullurl: Any, data: Any = None, timeout: float | None = None) -> Any:
        with self._inner.open(fullurl, data, timeout) as reply:
            return io.BytesIO(reply.read(LARGEST_REPLY))


def look_up_registry(
    address: str,
    timeout: float,
    opener: urllib.request.OpenerDirector | None = None,
    now: Callable[[], float] = time.time,
) -> RegistryEntry:
    """Asks the registry about the address; `timeout` is in seconds, for each step of the connection.

    `opener` is what opens URLs, for a proxy or a test.
    """
    try:
        found = IPWhois(address, timeout=timeout, proxy_opener=BoundedOpener(opener)).lookup_rdap(
            bootstrap=True, inc_nir=False, root_ent_check=False, retry_count=0, rate_limit_timeout=0
        )
        return _entry(address, found, now())
    except Exception as error:
        # The library parses what a foreign server sends with few checks: anything may come out of it.
        return RegistryEntry(address=address, problem=_said(error), asked=now())


def _entry(address: str, found: dict[str, Any], asked: float) -> RegistryEntry:
    network = found.get("network") or {}
    country = str(network.get("country") or "").upper()
    return RegistryEntry(
        address=address,
        holder=_holder(found.get("objects") or {}),
        country=country if _COUNTRY.fullmatch(country) else None,
        network_name=_text(network.get("name")),
        network_range=_text(network.get("cidr")),
        asked=asked,
    )


def _holder(objects: dict[str, Any]) -> str | None:
    """Name of the entity that the registry calls registrant; else of an organisation that it names."""
    names: dict[str, str] = {}
    for entity in objects.values():
        contact = (entity or {}).get("contact") or {}
        name = _text(contact.get("name"))
        if name is None:
            continue
        if "registrant" in (entity.get("roles") or ()):
            names.setdefault("registrant", name)
        elif contact.get("kind") == "org":
            names.setdefault("organisation", name)
    return names.get("registrant") or names.get("organisation")


def _text(value: object) -> str | None:
    return " ".join(value.split())[:200] or None if isinstance(value, str) else None


def _said(error: Exception) -> str:
    for kind, text in _PROBLEMS:
        if isinstance(error, kind):
            return text
    return f"the registry's reply was not understood ({type(error).__name__})"


_PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (IPDefinedError, "not an address of the public internet"),
    (HTTPRateLimitError, "the registry allows no more questions for now"),
    (HTTPLookupError, "the registry did not answer, or has no entry"),
    (BaseIpwhoisException, "the registry's reply was not understood"),
    (OSError, "the registry cannot be reached"),
    (ValueError, "not an IP address"),
)
