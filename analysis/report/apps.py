"""Which app sent what: of a destination, and of a device over its destinations. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from phonehome.analysis.report.entries import AppEntry, DestinationEntry, DeviceAppEntry, DeviceEntry
from phonehome.analysis.report.summary import number_of
from phonehome.analysis.transmission import App

MAX_APPS: Final = 200
"""Apps of a device that are listed."""
MAX_HOSTS: Final = 200
"""Hosts that are listed of an app; all are counted."""
MAX_NAMED: Final = 4
"""Hosts, countries and apps that a line names."""
_ORDER: Final = ("packet", "process", "trace", "file", "says")
_WORDS: Final = {
    "packet": "by the packets' marks",
    "process": "by its process",
    "trace": "by a trace of the app",
    "file": "by a file",
    "says": "says the request",
}


def apps_of(counted: Counter[App]) -> list[AppEntry]:
    """The apps of a destination. What two sources say of one app is one entry."""
    return _sorted(_merged((_entry(app, number) for app, number in sorted(counted.items()))))


def candidates_of(apps: Iterable[App]) -> list[AppEntry]:
    """Those of which it was one, by name."""
    return _sorted(_merged(_entry(app, 0) for app in sorted(apps)))


def device_apps(rows: Sequence[DestinationEntry]) -> list[DeviceAppEntry]:
    """What each app of a device did."""
    key_of = _keys(app for row in rows for app in row.get("apps", ()))
    found: dict[str, DeviceAppEntry] = {}
    hosts: dict[str, dict[str, None]] = {}
    countries: dict[str, set[str]] = {}
    for row in rows:
        for app in row.get("apps", ()):
            key = key_of(app)
            if (mine := found.get(key)) is None:
                mine = found[key] = {
                    **app,
                    "transmissions": 0,
                    "hosts": [],
                    "hosts_count": 0,
                    "countries": [],
                }
            _add(mine, app)
            if not row["local"] and row["country"] and row["scope"] in (None, "global"):
                countries.setdefault(key, set()).add(row["country"])
            if host := row["host"] or next(iter(row["addresses"]), None):
                hosts.setdefault(key, {})[host] = None
    for key, mine in found.items():
        mine["hosts"] = sorted(hosts.get(key, ()))[:MAX_HOSTS]
        mine["hosts_count"] = len(hosts.get(key, ()))
        mine["countries"] = sorted(countries.get(key, ()))
    return _sorted(list(found.values()))[:MAX_APPS]


def _keys(entries: Iterable[AppEntry]) -> Callable[[AppEntry], str]:
    """What makes two entries one app: the id; of an entry that has none, that of the only app of its name."""
    ids: dict[str, set[str]] = {}
    for entry in entries:
        if entry["name"] and entry["id"]:
            ids.setdefault(entry["name"], set()).add(entry["id"])
    only = {name: next(iter(found)) for name, found in ids.items() if len(found) == 1}
    return lambda entry: entry["id"] or only.get(entry["name"], entry["name"])


def _entry(app: App, number: int) -> AppEntry:
    return {"name": app.name, "id": app.id, "sources": [app.source], "transmissions": number}


def _merged(entries: Iterable[AppEntry]) -> list[AppEntry]:
    entries = list(entries)
    key_of = _keys(entries)
    found: dict[str, AppEntry] = {}
    for entry in entries:
        key = key_of(entry)
        if (mine := found.get(key)) is None:
            mine = found[key] = {**entry, "transmissions": 0}
        _add(mine, entry)
    return list(found.values())


def _add(mine: AppEntry, other: AppEntry) -> None:
    mine["name"] = mine["name"] or other["name"]
    mine["id"] = mine["id"] or other["id"]
    mine["sources"] = [source for source in _ORDER if source in (*mine["sources"], *other["sources"])]
    mine["transmissions"] += other["transmissions"]


def _sorted[E: AppEntry](entries: list[E]) -> list[E]:
    return sorted(entries, key=lambda entry: (-entry["transmissions"], entry["name"], entry["id"]))


def app_label(app: AppEntry) -> str:
    """What to call an app: `WhatsApp (com.whatsapp)`."""
    if not app["name"] or not app["id"]:
        return app["name"] or app["id"]
    return f"{app['name']} ({app['id']})"


def app_says(app: App) -> str:
    """What to call an app, and by whose word."""
    return f"{app_label(_entry(app, 1))}, {_WORDS[app.source]}"


def app_words(row: DestinationEntry) -> str:
    """The apps of a destination in a line; empty if none is known."""
    apps, candidates = row.get("apps", []), row.get("app_candidates", [])
    if apps:
        named = [
            (app["name"] or app["id"]) + (" (says the request)" if app["sources"] == ["says"] else "")
            for app in apps[:MAX_NAMED]
        ]
        rest = row["transmissions"] - sum(app["transmissions"] for app in apps)
        more = [f"{len(apps) - MAX_NAMED:,} more apps"] if len(apps) > MAX_NAMED else []
        more += [f"{rest:,} by unknown"] if rest > 0 else []
        return ", ".join([*named, *more])
    if candidates:
        names = [app["name"] or app["id"] for app in candidates[:MAX_NAMED]]
        return f"one of {', '.join(names)}{' and others' if len(candidates) > MAX_NAMED else ''}"
    return ""


def app_lines(device: DeviceEntry) -> list[str]:
    """What each app of a device did, a line each: `WhatsApp (com.whatsapp): 4 hosts (...) in NL, US`."""
    return [f"{app_label(app)}: {app_did(app)}" for app in device.get("apps", [])]


def app_did(app: DeviceAppEntry) -> str:
    """The same without its name."""
    hosts = ", ".join(app["hosts"][:MAX_NAMED]) + (", …" if app["hosts_count"] > MAX_NAMED else "")
    return (
        f"{number_of(app['hosts_count'], 'host')} ({hosts})"
        + (f" in {', '.join(app['countries'])}" if app["countries"] else "")
        + f", {number_of(app['transmissions'], 'transmission')}; "
        + ", ".join(_WORDS[source] for source in app["sources"])
    )
