"""The pictures as geometry: what is grave stands out, what does not fit is counted, no label lies on another."""

import itertools
from typing import Any

import pytest

from phonehome.analysis.render import charts, output
from phonehome.analysis.render.charts import Country, shade
from phonehome.analysis.render.map import world_map
from phonehome.analysis.render.page import page
from phonehome.analysis.report.entries import Document, TimelineEntry
from phonehome.analysis.report.summary import kinds_carried
from tests.reports import AFFECTED, device, document, identifier, row, sample


def bucket(minute: int, **more: Any) -> Any:
    return {
        "start": f"2019-01-22T07:{minute:02}:00Z",
        "purpose": "activation",
        "transmissions": 1,
        "attempts": 0,
        "unencrypted": 0,
        "exposed": 0,
        **more,
    }


def lanes(*buckets: Any) -> list[charts.Lane]:
    timeline: TimelineEntry = {"bucket_seconds": 60, "buckets": list(buckets)}
    view = charts.timeline(device(row(), timeline=timeline), {"activation": "Activation"})
    assert view is not None
    return view.lanes


class TestTimeline:
    def test_tells_apart_what_was_readable_and_what_identifiers_were_readable(self) -> None:
        found = lanes(bucket(0), bucket(1, unencrypted=1), bucket(2, unencrypted=1, exposed=1))
        assert sorted(found[0].paths) == ["up closed", "up open", "up plain"]

    def test_shows_retries_below_the_line(self) -> None:
        found = lanes(bucket(0, transmissions=3, attempts=2))
        assert sorted(found[0].paths) == ["down closed", "up closed"]
        assert (found[0].transmissions, found[0].attempts) == (3, 2)

    def test_the_affected_phone_tried_again_and_again(self) -> None:
        phone = sample(AFFECTED)["devices"][0]
        view = charts.timeline(phone, {"activation": "Activation"})
        assert view is not None
        activation = view.lanes[0]
        assert (activation.purpose, activation.attempts) == ("activation", 4)
        assert activation.paths["down open"].count("M") == 4

    def test_none_without_a_time(self) -> None:
        timeline: TimelineEntry = {"bucket_seconds": 60, "buckets": [bucket(0, start=None)]}
        assert charts.timeline(device(row(), timeline=timeline), {}) is None


class TestFlow:
    def phones(self, number: int) -> Document:
        """Phones that send much, and a last one that sends little, in clear text, to China."""
        odd = device(
            row(
                "zzhc.vnet.cn",
                unencrypted=3,
                encrypted="no",
                identifiers=[identifier(unencrypted=2), identifier("model", "software", unencrypted=3)],
            ),
            id="odd",
        )
        plain = [
            device(row(country="DE", transmissions=900, organisation=f"net {place}"), id=f"10.0.0.{place}")
            for place in range(number)
        ]
        return document(*plain, odd)

    @pytest.mark.parametrize("layout", [charts.WIDE_FLOW, charts.NARROW_FLOW, charts.PAPER_FLOW])
    def test_draws_the_gravest_and_counts_the_others(self, layout: charts.FlowLayout) -> None:
        view = charts.flow(self.phones(40), layout)
        assert view is not None
        texts = [node.text for node in view.nodes]
        assert "China" in texts
        assert [title for _, title in view.heads] == [charts.FLOW_COLUMNS[at] for at in layout.columns]
        if 0 in layout.columns:
            assert "odd" in texts
            assert "34 others" in texts
        for place in range(len(layout.columns)):
            column = [node for node in view.nodes if node.x == layout.x(place)]
            assert sum(node.transmissions for node in column) == 40 * 900 + 3
        assert all(node.y >= 0 and node.y + node.height <= view.height for node in view.nodes)

    def test_only_what_surely_carried_identifiers_is_said_to(self) -> None:
        view = charts.flow(self.phones(1))
        assert view is not None
        said = [link.text for link in view.links if link.band == "open"]
        assert said
        assert all("2 unencrypted" in text for text in said)

    def test_a_long_name_is_cut_and_told_whole(self) -> None:
        view = charts.flow(document(device(row(organisation="n" * 60))))
        assert view is not None
        node = view.nodes[-1]
        assert node.text == "n" * 60
        assert node.shown == "n" * 23 + "…"

    def test_the_table_says_the_same(self) -> None:
        table = charts.flow_table(self.phones(60))
        assert len(table.lines) + table.left_out == 61
        assert len(table.lines) == charts.MAX_FLOW_LINES

    def test_none_if_nothing_was_sent(self) -> None:
        assert charts.flow(document()) is None


class TestMap:
    def boxes(self, view: charts.MapView) -> list[tuple[float, float, float, float]]:
        """What labels cover, at least."""
        found = []
        for mark in view.marks:
            if mark.label:
                label = mark.label
                wide = len(f"{label.text} {label.number}") * view.font * 0.5
                left = {"start": label.x, "middle": label.x - wide / 2, "end": label.x - wide}[label.anchor]
                found.append((left, label.y - view.font * 0.7, left + wide, label.y))
        return found

    def everywhere(self) -> list[Country]:
        return charts.countries(
            document(
                device(*(row(f"{code}.example", code, country_name=code) for code in world_map().places))
            ),
            kinds_carried,
        )

    @pytest.mark.parametrize(("pixels", "crop"), [(1080, False), (360, True)])
    def test_no_label_lies_on_another_or_beyond_the_edge(self, pixels: int, crop: bool) -> None:
        view = charts.map_view(self.everywhere(), pixels, 20, crop=crop)
        boxes = self.boxes(view)
        assert len(boxes) >= 5
        for one, other in itertools.combinations(boxes, 2):
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        for left, top, right, bottom in boxes:
            assert view.x <= left < right <= view.x + view.width
            assert view.y <= top < bottom <= view.y + view.height

    def test_each_place_has_a_mark(self) -> None:
        codes = {code for code in world_map().places if code}
        marks = charts.map_view(self.everywhere(), 1080, 14, crop=False).marks
        assert {mark.country.code for mark in marks} == codes

    def test_the_gravest_are_labelled_first_and_doubt_is_said(self) -> None:
        found = charts.countries(sample(AFFECTED), kinds_carried)
        view = charts.map_view(found, 1080, 14, crop=False)
        assert view.marks[0].country.code == "CN"
        labels = {mark.country.code: mark.label for mark in view.marks}
        texts = {code: (label.text, label.number) for code, label in labels.items() if label}
        assert texts["CN"] == ("China", "14")
        assert texts["US"] == ("United States?", "125")


def test_a_country_that_rests_on_doubt_only_is_no_area_of_the_map() -> None:
    doubtful = Country("US", "United States", 9, 0, 0, 1, "other", 9, "", "", ())
    assert shade(doubtful, 10) == 0
    assert shade(doubtful._replace(uncertain=8), 10) == 3
    assert shade(doubtful._replace(uncertain=0), 10) == 4


def test_a_country_that_is_excluded_is_on_the_map_and_said() -> None:
    evidence = [
        {"kind": "table", "says": "a table says US", "country": "US", "source": "a table", "date": None}
    ]
    near = row(country=None, country_evidence=evidence, excluded_countries=["JP", "US"])
    report = document(device(near, row("b.example", country="NO")))
    (found,) = charts.excluded(report)
    assert (found.code, found.destinations) == ("US", 1)
    view = page(report)
    assert view.excluded == (
        "Named by a table, and excluded because the answer came too soon: the United States (1 destination)."
    )
    assert [name for name, *_ in view.wide.crosses] == ["United States"]
    said = output.rendered(report, "html").decode()
    assert said.count('<g class="excluded"><title>United States') == 2
    assert view.excluded in said
