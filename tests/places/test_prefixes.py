"""The table of prefixes: the most specific one decides."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.places.prefixes import PrefixTable

networks = st.one_of(
    st.builds(
        lambda number, length: ipaddress.ip_network((number, length), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
    st.builds(
        lambda number, length: ipaddress.ip_network((number << 96, length), strict=False),
        st.integers(2**31, 2**32 - 1),
        st.integers(0, 40),
    ),
)


@given(st.sets(networks, max_size=20))
def test_the_most_specific_prefix_decides(
    prefixes: set[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> None:
    table = PrefixTable((str(prefix), prefix) for prefix in prefixes)
    for prefix in prefixes:
        for number in (int(prefix[0]) - 1, int(prefix[0]), int(prefix[-1]), int(prefix[-1]) + 1):
            if not 0 <= number < 1 << prefix.max_prefixlen:
                continue
            address = type(prefix[0])(number)
            around = [other for other in prefixes if address in other]
            assert table.get(address) == max(around, key=lambda other: other.prefixlen, default=None)


def test_versions_do_not_mix() -> None:
    table = PrefixTable([("0.0.0.0/0", "four")])
    assert table.get(ipaddress.ip_address("1.2.3.4")) == "four"
    assert table.get(ipaddress.ip_address("::1.2.3.4")) is None


@pytest.mark.parametrize("prefixes", [["1.2.3.4/8"], ["nonsense"], ["10.0.0.0/8", "10.0.0.0/8"]])
def test_prefixes_that_are_none_or_stand_there_twice_are_refused(prefixes: list[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        PrefixTable((prefix, 1) for prefix in prefixes)
