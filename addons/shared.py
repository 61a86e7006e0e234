"""Options that several addons have in common, so that log, lines, pages and reports agree."""

from collections.abc import Sequence
from pathlib import Path

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs

from phonehome.analysis.devices import DeviceNameError, DeviceNames
from phonehome.analysis.knowledge import Knowledge, KnowledgeError
from phonehome.analysis.knowledge import load as load_knowledge
from phonehome.analysis.places.database import LocationDatabase, LocationDatabaseError
from phonehome.analysis.report.located import Vantage, vantage

DEVICES = "phonehome_devices"
GEO_DB = "phonehome_geo_db"
AT = "phonehome_at"
CATALOGUE = "phonehome_catalogue"
_TRANSPARENT = (
    *(mode_specs.WireGuardMode, mode_specs.TransparentMode),
    *(mode_specs.LocalMode, mode_specs.TunMode),
)


def load(loader: Loader) -> None:
    """For the hook `load`; several addons may declare them."""
    loader.add_option(
        DEVICES,
        Sequence[str],
        [],
        "What to call devices: NAME=ADDRESS, or NAME=wireguard@PORT, as in `phonehome report --device`.",
    )
    loader.add_option(
        GEO_DB,
        Sequence[str],
        [],
        "Your own location databases (MMDB), asked before the embedded one.",
    )
    loader.add_option(
        AT,
        str,
        "",
        "Where this computer is: a country (NL) or a place (52.4,4.9), as in `phonehome report --at`.",
    )
    loader.add_option(
        CATALOGUE,
        Sequence[str],
        [],
        "Your own entries of endpoints, TOML files or folders of them, as in `phonehome report --catalogue`.",
    )


def configure(updated: set[str]) -> None:
    """For the hook `configure`. Raises OptionsError for what cannot be used."""
    try:
        if DEVICES in updated:
            device_names()
        if GEO_DB in updated:
            location_database().close()
        if AT in updated:
            at()
        if CATALOGUE in updated:
            knowledge()
    except (DeviceNameError, LocationDatabaseError, KnowledgeError, ValueError) as error:
        raise exceptions.OptionsError(str(error)) from error


def loses_attempts() -> bool:
    """Whether mitmproxy connects before it reads what a device sends, where no device asks it to connect."""
    modes = (mode_specs.ProxyMode.parse(mode) for mode in ctx.options.mode)
    return ctx.options.connection_strategy == "eager" and any(
        isinstance(mode, _TRANSPARENT) for mode in modes
    )


def devices() -> list[str]:
    """What the user calls devices."""
    return list(ctx.options.phonehome_devices)


def device_names() -> DeviceNames:
    """The same, to look up."""
    return DeviceNames.parse(devices())


def geo_db() -> list[str]:
    """The user's own location databases."""
    return [str(Path(path).expanduser()) for path in ctx.options.phonehome_geo_db]


def location_database() -> LocationDatabase:
    """The embedded database, behind the user's own."""
    return LocationDatabase.open(*geo_db())


def at() -> Vantage | None:
    """Where this computer is, as the user says. Raises ValueError."""
    return vantage(ctx.options.phonehome_at) if ctx.options.phonehome_at else None


def catalogue() -> list[str]:
    """The user's own entries of endpoints."""
    return [str(Path(path).expanduser()) for path in ctx.options.phonehome_catalogue]


def knowledge() -> Knowledge:
    """All that is known, with the user's own. Raises KnowledgeError."""
    return load_knowledge([Path(path) for path in catalogue()])
