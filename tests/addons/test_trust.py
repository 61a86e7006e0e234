"""What follows from what a device did with the proxy's certificate: no proxy, no clock."""

from phonehome.addons import trust
from phonehome.addons.trust import LONGEST_RETRY, QUIC_REFUSALS, QUICK, RETRY, STRATEGIES, Trust, Trusts

ANNA, BEN = ("10.0.0.1", "wireguard@51820"), ("10.0.0.1", "wireguard@51821")


def refused(one: Trust, now: float, *, quic: bool = False) -> None:
    one.began()
    assert one.refused(now, quic=quic) == "refused"


def test_who_never_refused_is_opened() -> None:
    assert Trust().opens(0)


def test_a_refusal_lasts_a_while_and_each_further_one_longer() -> None:
    one, now = Trust(), 1000.0
    for length in (RETRY, 2 * RETRY, 4 * RETRY):
        refused(one, now)
        assert not one.opens(now)
        assert not one.opens(now + length - 1)
        now += length
        assert one.opens(now)
    for _ in range(50):
        refused(one, now)
    assert not one.opens(now + LONGEST_RETRY - 1)
    assert one.opens(now + LONGEST_RETRY)


def test_use_ends_a_refusal() -> None:
    one = Trust()
    refused(one, 0)
    refused(one, 1)
    one.began()
    one.used()
    assert one.opens(2)
    refused(one, 3)
    assert one.opens(3 + RETRY), "it is the first in a row again"


def test_quic_is_let_through_only_when_it_is_refused_again_and_again() -> None:
    one = Trust()
    for number in range(1, QUIC_REFUSALS + 1):
        assert one.opens(0)
        refused(one, 0, quic=True)
        assert one.opens(0) == (number < QUIC_REFUSALS)


def test_closing_in_the_handshake_is_a_refusal_unless_the_certificate_was_taken_before() -> None:
    one = Trust()
    one.began()
    assert one.failed(0, closed=False) == "failed"
    assert one.opens(0)
    one.began()
    assert one.failed(0, closed=True) == "refused"
    assert not one.opens(0)
    one.began()
    one.used()
    one.began()
    assert one.failed(0, closed=True) == "failed"
    assert one.opens(0)


def test_closing_at_once_after_the_handshake_is_a_refusal() -> None:
    one = Trust()
    one.began()
    assert one.unused(10 + QUICK, established=10) == "refused"
    assert not one.opens(10 + QUICK)


def test_a_connection_made_ahead_is_none() -> None:
    late, spare, known = Trust(), Trust(), Trust()
    late.began()
    assert late.unused(11 + QUICK, established=10) == "failed"
    spare.began()
    spare.began()
    assert spare.unused(10, established=10) is None, "another to this host is open"
    assert spare.unused(10, established=10) == "refused", "none was used"
    known.began()
    known.used()
    known.began()
    assert known.unused(10, established=10) is None
    assert late.opens(20)
    assert known.opens(20)


def test_a_fetched_certificate_opens_the_hosts_of_this_device_anew() -> None:
    all_ = Trusts()
    for device in (ANNA, BEN):
        refused(all_.of(device, "a.example"), 0)
    all_.forget(ANNA)
    assert all_.of(ANNA, "a.example").opens(1)
    assert not all_.of(BEN, "a.example").opens(1)


def test_the_first_time_that_a_device_trusts_opens_its_other_hosts_anew_and_no_further_time() -> None:
    all_ = Trusts()
    refused(all_.of(ANNA, "a.example"), 0)
    for expected in (True, False):
        all_.of(ANNA, "b.example").began()
        all_.used(ANNA, all_.of(ANNA, "b.example"))
        assert all_.of(ANNA, "a.example").opens(1) == expected
        refused(all_.of(ANNA, "a.example"), 1)


def test_it_is_bounded() -> None:
    all_ = Trusts()
    first = all_.of(ANNA, "0.example")
    second = all_.of(ANNA, "1.example")
    for number in range(2, trust.MAX_REMEMBERED + 1):
        all_.of(ANNA, "0.example")
        all_.of(ANNA, f"{number}.example")
    assert all_.of(ANNA, "0.example") is first, "it was just used"
    assert all_.of(ANNA, "1.example") is not second


def test_strategies() -> None:
    one = Trust()
    refused(one, 0)
    assert {name: opens(one, 1) for name, opens in STRATEGIES.items()} == {
        "after-refusal": False,
        "never": True,
        "always": False,
    }
    assert STRATEGIES["after-refusal"](Trust(), 1)
