"""Which app sent it: by the lists that other tools make on the phone, or by what the request says of itself. Pure.

What a source knows (marks on the packets, processes, traces) goes before both, and the lists go before what the request
says. A list knows a host and a time, so several apps can fit: then all of them are candidates, and none is named.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple, Self
from urllib.parse import unquote

from phonehome.analysis.decoding.values import Value
from phonehome.analysis.knowledge.apps import Apps
from phonehome.analysis.transmission import App, Headers, Transmission

MAX_NAME: Final = 100
"""Characters of an app's name."""
MAX_USER_AGENT: Final = 1000
MAX_LISTED: Final = 100_000
"""Lines of a list that are read."""
MAX_CANDIDATES: Final = 5
SLACK: Final = 60.0
"""Seconds by which the clocks of the phone and of who captured may differ."""

_ID: Final = re.compile(r"[A-Za-z][\w-]{0,60}(?:\.[\w-]{1,60}){1,10}", re.ASCII).fullmatch


class AppListError(ValueError):
    """A list of apps that is none of those that are known; the message says what is."""


class Contact(NamedTuple):
    """An app contacted a destination, says a list."""

    destination: str
    """Host name or IP address."""
    first: float
    """Seconds since 1970; minus infinity if the list has only the last time."""
    last: float
    port: int | None
    """Of the destination, if the list has it."""
    app: App


class AppList:
    """What lists say of who contacted whom. Equal to another one that says the same."""

    def __init__(self, contacts: Iterable[Contact]) -> None:
        self.contacts = tuple(contacts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AppList) and self.contacts == other.contacts

    def __hash__(self) -> int:
        return hash((len(self.contacts), self.contacts[:1], self.contacts[-1:]))

    def __getstate__(self) -> tuple[Contact, ...]:
        return self.contacts

    def __setstate__(self, state: tuple[Contact, ...]) -> None:
        self.contacts = state

    @classmethod
    def of(cls, files: Iterable[tuple[str, bytes]]) -> Self:
        """From the content of files, each with its name for messages. Raises AppListError."""
        contacts: list[Contact] = []
        for name, data in files:
            found = list(_contacts(data))
            if not found:
                raise AppListError(
                    f"{name} names no app and destination: it takes an iOS App Privacy Report (.ndjson), or the CSV of "
                    "TrackerControl or of PCAPdroid's connections"
                )
            contacts += found
        return cls(contacts)

    def apps(self, sent: Transmission) -> tuple[App, ...]:
        """The apps that fit a transmission, each once."""
        fitting: dict[App, None] = {}
        for destination in (sent.host, sent.authority, sent.address):
            for contact in self._by_destination.get(destination or "", ()):
                if contact.first - SLACK <= sent.time <= contact.last + SLACK and sent.port in (
                    contact.port or sent.port,
                    None,
                ):
                    fitting[contact.app] = None
            if fitting:
                break
        return tuple(fitting)

    @cached_property
    def _by_destination(self) -> Mapping[str, list[Contact]]:
        found: dict[str, list[Contact]] = {}
        for contact in self.contacts:
            found.setdefault(contact.destination, []).append(contact)
        return found


def with_app(
    sent: Transmission, values: Iterable[Value], known: Apps, listed: AppList | None
) -> Transmission:
    """The transmission with the app that sent it, as far as anything tells."""
    if sent.app is not None:
        return sent
    candidates = sent.app_candidates
    if listed is not None and (found := listed.apps(sent)):
        candidates = found
    if len(candidates) == 1:
        return sent._replace(app=candidates[0], app_candidates=())
    said = says(sent.headers, known) if sent.headers else None
    if said is None and sent.host and (keys := known.keys(sent.host)):
        said = next((app for value in values if value.key in keys and (app := _by_id(value.data))), None)
    if candidates:
        # Of those that fit, the one that names itself.
        named = [app for app in candidates if said is not None and _same(app, said)]
        if len(named) == 1:
            return sent._replace(app=named[0], app_candidates=())
        return sent._replace(app_candidates=candidates[:MAX_CANDIDATES])
    return sent if said is None else sent._replace(app=said)


def says(headers: Headers, known: Apps) -> App | None:
    """What a request's headers say of the app that sent it; None if they say nothing."""
    wanted, lengths, user_agent = known.headers, known.lengths, ""
    for name, value in headers:
        if len(name) not in lengths:
            continue
        key = name.lower()
        if key in wanted:
            if app := _by_id(value):
                return app
        elif key == "user-agent":
            user_agent = value
    return _by_user_agent(user_agent[:MAX_USER_AGENT], known) if user_agent else None


@lru_cache(maxsize=4096)
def _by_user_agent(text: str, known: Apps) -> App | None:
    for pattern, name, id_ in known.user_agents:
        match = pattern.search(text)
        if match is None:
            continue
        groups = match.groupdict()
        id_ = id_ or groups.get("id") or ""
        name = name or unquote(groups.get("name") or "").strip()[:MAX_NAME]
        if _ID(name) and not id_:
            name, id_ = "", name
        return App(name, id_, "says") if name or id_ else None
    return None


def _by_id(text: object) -> App | None:
    return App("", text, "says") if isinstance(text, str) and len(text) <= 200 and _ID(text) else None


def _same(one: App, other: App) -> bool:
    return bool((one.id and one.id == other.id) or (one.name and one.name == other.name))


# The lists.


def _contacts(data: bytes) -> Iterator[Contact]:
    text = data.decode("utf-8-sig", "replace")
    if text.lstrip().startswith("{"):
        yield from _privacy_report(text)
    else:
        yield from _table(text)


def _privacy_report(text: str) -> Iterator[Contact]:
    """iOS, App Privacy Report: a JSON object in each line
    (https://developer.apple.com/documentation/network/inspecting-app-activity-data)."""
    for line in text.splitlines()[:MAX_LISTED]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(found, dict) or found.get("type") != "networkActivity":
            continue
        accessor = found.get("accessor")
        id_ = found.get("bundleID") or (accessor.get("identifier") if isinstance(accessor, dict) else None)
        domain, last = found.get("domain"), _moment(found.get("timeStamp"))
        if isinstance(id_, str) and isinstance(domain, str) and domain and id_:
            yield Contact(
                _destination(domain),
                first if (first := _moment(found.get("firstTimeStamp"))) is not None else float("-inf"),
                last if last is not None else float("inf"),
                None,
                App("", id_[:200], "file"),
            )


_HOST_COLUMNS: Final = ("info", "host", "daddr", "dstip", "dst_ip")
_APP_COLUMNS: Final = ("app", "appname", "app_name")
_ID_COLUMNS: Final = ("package", "packagename", "package_name")


def _table(text: str) -> Iterator[Contact]:
    """TrackerControl: daddr, time (of the last), Package, App (ActivityMain.csvExport). PCAPdroid: DstIp, DstPort, App,
    Info (the host), FirstSeen, LastSeen (ConnectionsAdapter.dumpConnectionsCsv). Times are milliseconds since 1970."""
    rows = csv.reader(io.StringIO(text))
    try:
        header = {name.strip().lower(): place for place, name in enumerate(next(rows, []))}
        for number, row in enumerate(rows):
            if number >= MAX_LISTED:
                return

            def cell(*names: str, row: list[str] = row) -> str:
                return next(
                    (row[place].strip() for name in names if (place := header.get(name, 9999)) < len(row)), ""
                )

            name, id_ = cell(*_APP_COLUMNS), cell(*_ID_COLUMNS)
            last = _milliseconds(cell("lastseen", "last_seen", "time"))
            first = _milliseconds(cell("firstseen", "first_seen"))
            if not (name or id_):
                continue
            if not id_ and _ID(name) and " " not in name:
                name, id_ = "", name
            app = App(name[:MAX_NAME], id_[:200], "file")
            port = cell("dstport", "dst_port")
            for destination in dict.fromkeys(cell(column) for column in _HOST_COLUMNS):
                if destination:
                    yield Contact(
                        _destination(destination),
                        float("-inf") if first is None else first,
                        float("inf") if last is None else last,
                        int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else None,
                        app,
                    )
    except csv.Error:
        return


def _destination(text: str) -> str:
    return text.strip().strip("[]").rstrip(".").lower()


def _milliseconds(text: str) -> float | None:
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        return None
    number = int(text)
    return number / 1000 if number > 1e11 else float(number)


def _moment(stated: Any) -> float | None:
    try:
        read = datetime.fromisoformat(stated)
    except (TypeError, ValueError):
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
