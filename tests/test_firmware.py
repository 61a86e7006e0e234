"""What a build number says, and what it does not."""

import re
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis import firmware

FINGERPRINT = "Nokia/Onyx_00WW/B2N_sprout:9/PPR1.180610.011/{}:user/release-keys"


@pytest.mark.parametrize(
    "build", ["00WW_3_39B_SP03", "00WW_3_22C_SP05", FINGERPRINT.format("00WW_3_39B_SP03")]
)
def test_builds_that_the_maker_named_carry_the_fix(build: str) -> None:
    [entry] = firmware.describe(build)
    assert entry["status"] == "stated"
    assert "HMD Global's statement" in entry["statement"]
    assert entry["inference"] == []
    assert "gizmochina.com" in entry["references"][0]


@pytest.mark.parametrize(
    ("build", "inference"),
    [
        (
            "00WW_3_39B",
            [
                "the same version with no service pack: older than 00WW_3_39B_SP03",
                "a newer version than 00WW_3_22C_SP05",
            ],
        ),
        (
            "00WW_3_22C_SP06",
            [
                "an older version than 00WW_3_39B_SP03",
                "the same version with service pack 6: newer than 00WW_3_22C_SP05",
            ],
        ),
        ("00WW_3_540", ["a newer version than 00WW_3_39B_SP03", "a newer version than 00WW_3_22C_SP05"]),
        (
            "00CN_3_39B_SP03",
            [
                "made for market CN, where 00WW_3_39B_SP03 is for WW: their numbers cannot be compared",
                "made for market CN, where 00WW_3_22C_SP05 is for WW: their numbers cannot be compared",
            ],
        ),
    ],
)
def test_any_other_build_is_not_known_and_compared_by_its_numbers(build: str, inference: list[str]) -> None:
    [entry] = firmware.describe(build)
    assert entry["status"] == "not-known"
    assert "not known" in entry["statement"]
    assert entry["inference"] == inference


def test_the_same_number_on_another_phone_proves_nothing() -> None:
    [entry] = firmware.describe("00WW_3_39B_SP03", ["Nokia 8.3"])
    assert entry["status"] == "not-known"
    assert "names itself otherwise" in entry["statement"]
    other = "Nokia/Dragon_00WW/DRG_sprout:9/PPR1.180610.011/00WW_3_39B_SP03:user/release-keys"
    assert firmware.describe(other)[0]["status"] == "not-known"
    assert firmware.describe("00WW_3_39B_SP03", ["HMD-TA 1046"])[0]["status"] == "stated"


@pytest.mark.parametrize(
    "text", ["", "PPR1.180610.011", "Android9", "200WW_3_39B", "00WW_3_39B_SP03x", "Nokia/Onyx_00WW/B2N"]
)
def test_what_is_numbered_otherwise_is_not_known_at_all(text: str) -> None:
    assert firmware.parse(text) is None
    assert firmware.describe(text) == []


def test_a_phone_that_names_a_build_in_two_ways_gets_one_entry() -> None:
    entries = firmware.firmware_of(
        ["Nokia 7 plus"], ["PPR1.180610.011", "00WW_3_22C", FINGERPRINT.format("00WW_3_22C")]
    )
    assert [entry["build"] for entry in entries] == ["00WW_3_22C"]


def test_the_market_is_in_the_build_not_in_the_product() -> None:
    assert firmware.market_of([FINGERPRINT.format("00WW_3_22C")]) == ["WW"]
    assert firmware.market_of(["Nokia/DoctorDoom_00EEA/DRD_sprout:12/SKQ1.220119.001/00WW_3_46F:user/x"]) == [
        "WW"
    ]
    assert firmware.market_of(["00CN_3_22C", "00WW_3_22C"]) == ["CN", "WW"]
    assert firmware.market_of(["PPR1.180610.011"]) == []


@given(st.text(max_size=80) | st.from_regex(r"00[A-Z]{2}_\d{1,4}_\d\d[A-Z](_SP\d{1,4})?", fullmatch=True))
def test_no_text_makes_it_raise(text: str) -> None:
    for entry in firmware.firmware_of([text], [text]):
        assert entry["build"] in text
        assert entry["references"]


def test_the_catalogue_holds_its_own_examples() -> None:
    document = tomllib.loads((files("phonehome.analysis.knowledge") / "markets.toml").read_text("utf-8"))
    for entry in document["numbering"]:
        assert all(re.search(entry["pattern"], example) for example in entry["examples"])
        assert all(reference["title"] and reference["where"] for reference in entry["reference"])
    for entry in document["market"]:
        assert entry["reference"]["title"]
    for fix in tomllib.loads((files("phonehome.analysis.knowledge") / "firmware.toml").read_text("utf-8"))[
        "fix"
    ]:
        assert all(firmware.parse(build) and firmware.parse(build).text == build for build in fix["builds"])  # type: ignore[union-attr]
