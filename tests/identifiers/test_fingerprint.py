"""The same phone is known again by two of its identifiers, and neither can be had from that."""

from phonehome.analysis.identifiers.fingerprint import fingerprints

IMEI, MAC, ANDROID = (
    ("imei", "356938035643809"),
    ("mac", "ac:37:43:11:22:33"),
    ("android-id", "3a5e00530c0f4e21"),
)


def test_two_independent_identifiers_tell() -> None:
    first = fingerprints([IMEI, MAC, ("model", "A")])
    assert len(first) == 1
    assert first == fingerprints([MAC, IMEI, IMEI])
    assert set(first) <= set(fingerprints([IMEI, MAC, ANDROID]))
    assert set(first).isdisjoint(fingerprints([IMEI, ("mac", "ac:37:43:11:22:34")]))


def test_one_alone_makes_none_nor_do_two_that_follow_from_each_other() -> None:
    assert fingerprints([IMEI]) == []
    assert fingerprints([IMEI, ("imei", "356938035643817"), ("meid", "35693803564380")]) == []
    assert fingerprints([("serial", "B2N1"), ("imsi", "242015012345678"), MAC]) == []


def test_an_imei_is_known_without_its_check_digit() -> None:
    assert fingerprints([IMEI, MAC]) == fingerprints([("meid", IMEI[1][:14]), MAC])


def test_many_values_cost_no_more() -> None:
    many = [("imei", f"35693803564{number:04}") for number in range(50)]
    assert len(fingerprints([*many, MAC, ANDROID])) == 5
