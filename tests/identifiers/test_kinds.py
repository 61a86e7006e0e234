import re

import pytest

from phonehome.analysis.identifiers import CATEGORIES, kind, kinds
from phonehome.analysis.identifiers.checks import CHECKS
from phonehome.analysis.identifiers.kinds import NOTHING, compact, meaning, tables
from phonehome.analysis.knowledge.catalogue import catalogue
from tests.steps import steps

GROUPED = {
    "contacts",
    "device-fingerprint",
    "position",
    "cell",
    "access-points",
    "installed-apps",
    "known-value",
}


def named(name: str) -> set[str]:
    return {kind.id for kind, _ in meaning(name).kinds}


def weight(name: str, id: str) -> str | None:
    return next((weight for kind, weight in meaning(name).kinds if kind.id == id), None)


def test_each_kind_is_complete() -> None:
    for id, each in kinds().items():
        assert each.id == id
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", id)
        assert each.category in CATEGORIES
        assert 0 <= each.severity <= 100
        assert each.reference.strip(), f"{id} says nothing of what it rests on"
        assert id in CHECKS or id in GROUPED, f"nothing checks {id}"


def test_a_name_belongs_to_a_kind_with_one_weight_only() -> None:
    for each in kinds().values():
        assert not each.exclusive & each.names, each.id
        assert not each.exclusive & each.vague, each.id
        assert not each.names & each.vague, each.id


def test_a_name_is_exclusive_to_one_kind() -> None:
    for name, its in tables().meanings.items():
        assert [weight for _, weight in its.kinds].count("exclusive") <= 1, name


def test_what_is_kept_company_by_exists() -> None:
    for each in kinds().values():
        assert each.company <= set(tables().roles), each.id


def test_the_catalogue_of_endpoints_sees_the_same_kinds() -> None:
    assert set(catalogue().kinds) == set(kinds())


def test_kind_of_an_unknown_id() -> None:
    assert kind("imei").label == "IMEI"
    with pytest.raises(KeyError):
        kind("shoe-size")


def test_normal_form() -> None:
    assert compact("SIM1_Iccid") == compact("sim1-iccid") == compact("sim1.ICCID") == "sim1iccid"


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("imei", "imei"),
        ("IMEI1", "imei"),
        ("imei_2", "imei"),
        ("device_imei", "imei"),
        ("deviceImei", "imei"),
        ("x-imei", "imei"),
        ("device[imei]", "imei"),
        ("data[0][imei]", "imei"),
        ("body.device.imei1", "imei"),
        ("vendorx_imei", "imei"),
        ("SIM2LTEIMSI", "imsi"),
        ("SIM1CDMAIMSI", "imsi"),
        ("sim1iccid", "iccid"),
        ("simSerial", "iccid"),
        ("ro.serialno", "serial"),
        ("MACID", "mac"),
        ("wifi_mac", "mac"),
        ("wlanMacAddress", "mac"),
        ("mac2", "mac"),
        ("androidID", "android-id"),
        ("GAID", "advertising-id"),
        ("google_advertising_id", "advertising-id"),
        ("userAdvertisingId", "advertising-id"),
        ("_session_id", "session-id"),
        ("line1Number", "phone-number"),
    ],
)
def test_a_name_in_many_dresses(name: str, id: str) -> None:
    assert id in named(name)


@pytest.mark.parametrize(
    "name",
    ["is_lat", "climate", "platform", "template", "imei_md5", "imeimd5", "hmac", "email_template", "uid",
     "id", "user", "token", "macos", "scid", "x" * 500, "", "_", "imsindustry", "simei", "request_id", "alley"],
)  # fmt: skip
def test_names_that_mean_no_hardware(name: str) -> None:
    assert named(name) <= {"email", "user-id", "push-token", "cookie"}
    assert "latitude" not in meaning(name).roles


def test_weights() -> None:
    assert weight("imei", "imei") == "exclusive"
    assert weight("IMEI2", "imei") == "exclusive"
    assert weight("vendorx_imei", "imei") == "plain"
    assert weight("deviceId", "imei") == "vague"
    assert weight("adid", "advertising-id") == "plain"
    # The id of an advertisement is called so as well.
    assert weight("ad_id", "advertising-id") == "vague"
    assert weight("adId", "advertising-id") == "vague"


def test_another_device_s_address_is_not_this_one_s() -> None:
    assert meaning("router_mac_address") is NOTHING or named("router_mac_address") == {"access-points"}
    assert meaning("support_phone_number") is NOTHING


def test_a_vague_name_counts_only_as_it_is() -> None:
    assert weight("aid", "android-id") == "vague"
    assert meaning("user_aid") is NOTHING
    assert meaning("client_cid") is NOTHING


def test_roles() -> None:
    assert "latitude" in meaning("gps_latitude").roles
    assert "cell_id" in meaning("SIM1CELLID").roles
    assert meaning("value").carrier


@pytest.mark.parametrize(
    "name",
    ["a" * 80, "A1" * 40, "Sim1" * 20, "Sim1" * 6, "sim" * 26, "x_" * 40, "[" * 80, "١٢٣" * 20, "İ" * 80],
)
def test_odd_names_cost_no_time(name: str) -> None:
    assert steps(lambda: meaning(name)) < 5000
