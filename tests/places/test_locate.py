"""Evidence weighed: a contradiction is never passed over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.places.locate import AddressEvidence, Claim, TableFacts, locate, words, words_of
from phonehome.analysis.places.location import TableName
from phonehome.analysis.places.round_trips import Bound

COUNTRIES = st.sampled_from(["CN", "US", "NL", "SG"])
CLAIMS = st.lists(
    st.builds(
        lambda code, year: Claim(code, TableName("a table", f"{year}-01-01")),
        COUNTRIES,
        st.integers(2015, 2030),
    ),
    max_size=3,
)
WORDS = st.dictionaries(
    st.sampled_from([("cf-ray", "ams"), ("cf-ray", "sjc"), ("x-amz-cf-pop", "sin52-c1")]), st.just(1)
)
BOUNDS = st.none() | st.builds(
    lambda codes: Bound(0.01, "TLS handshake", 1000.0, "Norway", frozenset(codes)), st.sets(COUNTRIES)
)


@given(
    claims=CLAIMS,
    together=st.integers(1, 2),
    far=st.sampled_from(["", "4.2 years after the capture"]),
    asn=st.sampled_from([None, 4134, 13335, 16509]),
    said=WORDS,
    bound=BOUNDS,
)
def test_no_country_is_likely_against_a_header_a_round_trip_or_the_table_of_the_other_side(
    claims: list[Claim],
    together: int,
    far: str,
    asn: int | None,
    said: dict[tuple[str, str], int],
    bound: Bound | None,
) -> None:
    known = TableFacts(address="192.0.2.1", claims=tuple(claims), together=together, far=far, asn=asn)
    seen = AddressEvidence(words=said, bound=bound)
    found = locate(known, seen)
    if found.country_certainty == "likely":
        assert all(word.country == found.country for word in words(known, seen))
        assert found.country not in (bound.excluded if bound else ())
        assert {claim.country for claim in claims[:together]} == {found.country}
        assert not far
    if found.country_certainty == "certain":
        assert next(word.country for word in words(known, seen) if word.belongs) == found.country


@pytest.mark.parametrize(
    ("asn", "header", "value", "country", "reason"),
    [
        # Airports of these codes are in China, Argentina, Venezuela and Oklahoma.
        (8068, "x-msedge-ref", "Ref A: 1 Ref B: CHGEDGE1 Ref C: 2", "US", "the United States at CHG"),
        (8068, "x-msedge-ref", "Ref A: 1 Ref B: SLA31 Ref C: 2", "KR", "South Korea at SLA"),
        (8075, "x-msedge-ref", "Ref A: 1 Ref B: STB01EDGE1 Ref C: 2", "US", "the United States at STB"),
        (8075, "x-msedge-ref", "Ref A: 1 Ref B: LTSEDGE1 Ref C: 2", "GB", "the United Kingdom at LTS"),
        (8075, "x-msedge-ref", "Ref A: 1 Ref B: XXXEDGE1 Ref C: 2", None, ""),
        (60068, "x-77-pop", "losangelesUSCA", "US", "answered in the United States (CDN77's word)"),
        (
            714,
            "via",
            "http/1.1 uklon5-edge-bx-003.ts.apple.com (acdn/1)",
            "GB",
            "the United Kingdom at UKLON",
        ),
        (13335, "cf-ray", "230b030023ae2822-SJC", "US", "answered in San Jose"),
    ],
)
def test_codes_of_a_network_mean_what_the_network_says(
    asn: int, header: str, value: str, country: str | None, reason: str
) -> None:
    seen = AddressEvidence(words=dict.fromkeys(words_of([(header, value)]), 1))
    found = locate(TableFacts(address="192.0.2.1", asn=asn), seen)
    assert (found.country, found.country_certainty) == (country, "certain" if country else "unknown")
    assert reason in found.reason
