"""The map as geometry: zoomed to what is used, no disc on another, no label on another."""

import itertools
import math

import pytest

from phonehome.analysis.render.charts import Country, countries
from phonehome.analysis.render.map import world_map
from phonehome.analysis.render.map_view import Inset, MapView, map_view
from phonehome.analysis.report.summary import kinds_carried
from tests.reports import AFFECTED, device, document, row, sample


def of(*codes: str) -> list[Country]:
    rows = [row(f"{code}.example", code, country_name=code) for code in codes]
    return countries(document(device(*rows)), kinds_carried)


def label_boxes(view: MapView) -> list[tuple[float, float, float, float]]:
    """What labels cover, at least."""
    found = []
    for mark in view.marks:
        if label := mark.label:
            wide = len(f"{label.text} {label.number}") * view.unit * 13 * 0.5
            left = {"start": label.x, "middle": label.x - wide / 2, "end": label.x - wide}[label.anchor]
            found.append((left, label.y - view.unit * 9, left + wide, label.y))
    return found


def apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


EVERYWHERE = tuple(code for code in world_map().places if code)
EUROPE = ("NO", "SE", "FI", "DK", "DE", "NL", "BE", "LU", "FR", "CH", "AT", "CZ", "IE", "GB")


@pytest.mark.parametrize(
    ("codes", "pixels", "ratio"),
    [
        (EVERYWHERE, 720, 1.6),
        (EVERYWHERE, 360, 1.45),
        (EUROPE, 720, 1.6),
        (EUROPE, 360, 1.45),
        (("SG", "MY", "HK", "MO"), 360, 1.45),
        (("FJ",), 720, 1.6),
    ],
)
def test_each_place_has_a_mark_and_nothing_lies_on_another(
    codes: tuple[str, ...], pixels: int, ratio: float
) -> None:
    view = map_view(of(*codes), pixels, 20, ratio)
    assert {mark.code for mark in view.marks} == set(codes)
    for one, other in itertools.combinations(view.marks, 2):
        distance = math.dist((one.x, one.y), (other.x, other.y))
        # Two hundred discs on a small map may touch; none hides another.
        assert distance >= (one.radius + other.radius) * (0.7 if codes == EVERYWHERE else 0.97)
    boxes = label_boxes(view)
    assert len(boxes) >= min(5, len(codes))
    assert all(apart(one, other) for one, other in itertools.combinations(boxes, 2))
    if inset := view.inset:
        corner = (inset.x, inset.y, inset.x + inset.width, inset.y + inset.height)
        assert all(apart(corner, box) for box in boxes)
        assert all(apart(corner, (mark.x, mark.y, mark.x, mark.y)) for mark in view.marks)
    for left, top, right, bottom in boxes:
        assert view.x <= left < right <= view.x + view.width
        assert view.y <= top < bottom <= view.y + view.height


def test_it_is_as_near_as_what_is_used_allows_and_says_where_in_the_world() -> None:
    near = map_view(of("DE", "NL"), 720, 14, 1.6)
    assert near.width == 420
    assert isinstance(near.inset, Inset)
    wide = map_view(of("US", "CN", "NZ", "NO"), 720, 14, 1.6)
    assert (wide.width, wide.inset) == (world_map().width, None)
    assert map_view([], 720, 14, 1.6).width == world_map().width


def test_a_disc_that_had_to_move_says_from_where() -> None:
    view = map_view(of("SG", "MY", "ID", "TH", "VN", "PH", "KH", "US", "GB"), 360, 9, 1.45)
    for mark in view.marks:
        home = world_map().places[mark.code]
        far = math.dist((mark.x, mark.y), (home.x, home.y)) > mark.radius * 1.01
        assert far <= (mark.home == (home.x, home.y))


def test_the_gravest_are_labelled_first_and_doubt_is_said() -> None:
    view = map_view(countries(sample(AFFECTED), kinds_carried), 720, 14, 1.6)
    assert view.marks[0].code == "CN"
    texts = {mark.code: (mark.label.text, mark.label.number) for mark in view.marks if mark.label}
    assert texts["CN"] == ("China", "14")
    assert texts["US"] == ("United States?", "125")
