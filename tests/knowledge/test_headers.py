"""Headers that are not decoded."""

import tomllib
from importlib.resources import files

from phonehome.analysis.knowledge import shipped


def test_ignored_headers_have_a_reason_and_a_reference() -> None:
    table = tomllib.loads(files("phonehome.analysis.knowledge").joinpath("headers.toml").read_text("utf-8"))[
        "header"
    ]
    names = [entry["name"] for entry in table]
    assert len(set(names)) == len(names)
    for entry in table:
        assert entry["name"] == entry["name"].lower()
        assert entry["reason"]
        assert entry["reference"]
    assert {"content-type", "content-encoding", "host"} <= shipped().headers
    # Headers whose content their sender chooses.
    assert not shipped().headers & {
        "user-agent",
        "cookie",
        "authorization",
        "referer",
        "if-none-match",
        "x-device-id",
    }
