"""Evidence weighed: a contradiction is never passed over."""

from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.places.locate import AddressEvidence, Claim, TableFacts, locate, words
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
