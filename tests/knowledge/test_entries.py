"""Entries that were wrong once, and what must never stand in one."""

import re
from urllib.parse import unquote, urlsplit

import pytest

from phonehome.analysis.knowledge import FOLDER
from phonehome.analysis.knowledge.catalogue import Endpoint, catalogue
from phonehome.analysis.transmission import Transmission


def found(url: str, method: str = "GET") -> Endpoint | None:
    parts = urlsplit(url)
    encrypted = parts.scheme == "https"
    sent = Transmission(
        time=0.0,
        host=parts.hostname,
        port=443 if encrypted else 80,
        path=parts.path + (f"?{parts.query}" if parts.query else ""),
        method=method,
        encrypted=encrypted,
    )
    return catalogue().find(sent, ())


@pytest.mark.parametrize(
    ("url", "purpose"),
    [
        ("http://www.google.com/gen_204", "connectivity-check"),
        ("https://www.google.com/gen_204?atyp=i&ct=backbutton", "analytics"),
        ("https://combine.urbanairship.com/warp9/", "analytics"),
        ("https://device-api.urbanairship.com/api/channels/", "push"),
        (
            "https://configuration.apple.com/configurations/pep/config/geo/networkDefaults-ios-12.0.plist",
            "management",
        ),
        ("https://gspe19-ssl.ls.apple.com/tile.vf", "content"),
        ("https://gspe1-ssl.ls.apple.com/pep/gcc", "location"),
        ("https://gsp64-ssl.ls.apple.com/hvr/v3/use", "location"),
        ("https://api3.branch.io/v1/open", "analytics"),
        ("https://graph.facebook.com/v12.0/me?fields=id", "account"),
        ("https://graph.facebook.com/v12.0/me/permissions", "account"),
        ("https://graph.facebook.com/v12.0/123456789/activities", "analytics"),
        ("https://component-ota.coloros.com/update/v3", "update"),
        ("https://iota.coloros.com/post/Query_Update", "update"),
        ("https://ifota-in.realmemobile.com/post/Query_Update", "update"),
        ("https://firebaseinstallations.googleapis.com/v1/projects/x/installations", "management"),
        ("https://www.criteo.com/", None),
        ("https://www.amap.com/", None),
        ("https://www.facebook.com/", None),
    ],
)
def test_purposes(url: str, purpose: str | None) -> None:
    entry = found(url)
    assert (entry.purpose if entry else None) == purpose


def test_a_browser_s_id_is_no_advertising_id() -> None:
    """A cookie names a browser; none of these has the form of an advertising id of a phone."""
    for entry in catalogue().endpoints.values():
        for field in entry.fields:
            assert (field.path[0], field.kind) != ("cookie", "advertising-id"), entry.id


def test_no_example_names_a_device() -> None:
    """Serial numbers, IMEIs and ids that a log held have no place in an example."""
    for file in sorted((FOLDER / "endpoints").glob("*.toml")):
        for line in map(unquote, re.findall(r"^example = .*$", file.read_text("utf-8"), re.MULTILINE)):
            for run in re.findall(r"[0-9A-Za-z]{10,}", line):
                letters, digits = re.sub(r"[0-9]", "", run), re.sub(r"[^0-9]", "", run)
                mixed = letters.isupper() and len(digits) > 2
                assert not mixed, (file.name, run)
                assert len(digits) < 10 or len(set(digits)) <= 2, (file.name, run)
