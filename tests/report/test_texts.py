"""A sketch is the same however what it was made of was divided."""

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from phonehome.analysis.decoding.values import Value, longer
from phonehome.analysis.report.texts import MOST_PLACES, MOST_TEXTS, Texts

_PLACES = st.sampled_from([("body", "a"), ("body", "b"), ("query", "c")])
_DATA = st.one_of(
    st.integers(10**13, 10**13 + 60).map(str),
    st.integers(10**13, 10**13 + 60),
    st.sampled_from([b"123456", b"12345678", "short", 5, 1.5, "x" * 300]),
)
_SENT = st.tuples(
    st.lists(st.builds(Value, _PLACES, st.just(""), _DATA, st.just(0)), max_size=40),
    st.booleans(),
    st.booleans(),
)


def sketch(sent: list[tuple[list[Value], bool, bool]]) -> Texts:
    texts = Texts()
    for values, unencrypted, delivered in sent:
        texts.add(longer(values), unencrypted, delivered)
    return texts


@settings(deadline=None, max_examples=60)
@given(st.lists(_SENT, max_size=8), st.lists(_SENT, max_size=8), st.lists(_SENT, max_size=8))
def test_any_division_gives_the_same(
    first: list[tuple[list[Value], bool, bool]],
    second: list[tuple[list[Value], bool, bool]],
    third: list[tuple[list[Value], bool, bool]],
) -> None:
    whole = sketch(first + second + third)
    divided = sketch(third)
    divided.merge(pickle.loads(pickle.dumps(sketch(first))))
    divided.merge(sketch(second))
    assert divided == whole


def test_counts_a_text_once_for_each_transmission_and_is_bounded() -> None:
    value = Value(("body", "id"), "id", "356938035643809", 0)
    texts = sketch([([value, value], True, False), ([value], False, True)])
    ((path, text, seen),) = texts
    assert (path, text) == (("body", "id"), "356938035643809")
    assert (seen.transmissions, seen.unencrypted, seen.delivered, texts.cut) == (2, 1, 1, 0)
    many = [
        Value(("body", f"{place:04}"), "", f"nonce-{text:06}", 0)
        for place in range(900)
        for text in range(70)
    ]
    texts = sketch([([value], True, True) for value in many])
    assert len(list(texts)) == MOST_PLACES * MOST_TEXTS
    assert texts.cut == MOST_PLACES + 1
