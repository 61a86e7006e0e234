"""The flow as geometry: only where there is something to see, and no ribbon runs through a name."""

import re
from itertools import pairwise

import pytest

from phonehome.analysis.render import flow_view
from phonehome.analysis.render.flow_view import FlowLayout, flow, flow_table, ways
from phonehome.analysis.report.entries import Document
from tests.reports import AFFECTED, device, document, identifier, row, sample


def phones(number: int) -> Document:
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
        device(
            row(country="DE", transmissions=900, purpose="advertising", purpose_label="Advertising"),
            row("b.example", country="US", transmissions=90, organisation=f"net {place % 5}"),
            id=f"10.0.0.{place}",
        )
        for place in range(number)
    ]
    return document(*plain, odd)


@pytest.mark.parametrize("layout", [flow_view.WIDE_FLOW, flow_view.NARROW_FLOW, flow_view.PAPER_FLOW])
def test_draws_the_gravest_and_counts_the_others(layout: FlowLayout) -> None:
    view = flow(ways(phones(40)), layout)
    assert view is not None
    texts = [node.text for node in view.nodes]
    assert "China" in texts
    titles = [title for _, title in view.heads]
    assert titles == [flow_view.FLOW_COLUMNS[column] for column in layout.columns]
    if "Device" in titles:
        assert {"odd", "40 others"} <= set(texts)
    for x, _ in view.heads:
        column = [node for node in view.nodes if node.x == x]
        assert sum(node.transmissions for node in column) == 40 * 990 + 3
    assert all(node.y >= 0 and node.y + node.height <= view.height for node in view.nodes)


def test_no_ribbon_runs_through_a_name_or_beyond_its_node() -> None:
    view = flow(ways(sample(AFFECTED)))
    assert view is not None
    columns = sorted({(node.x, node.x + node.width) for node in view.nodes})
    bars = [(x + (node.x != x) * 4, y, y + high) for node in view.nodes for x, y, high in node.bars]
    for link in view.links:
        points = [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", link.path)]
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        assert any(
            abs(one[1] - left) < 0.2 and abs(other[0] - right) < 0.2 for one, other in pairwise(columns)
        )
        for x, y in (points[0], points[3]):
            assert any(abs(at - x) < 0.2 and top - 0.2 <= y <= bottom + 1.3 for at, top, bottom in bars)


@pytest.mark.parametrize(
    "report",
    [
        document(),
        document(device(row())),
        document(device(row(), row("b.example", "US", purpose="advertising", purpose_label="Advertising"))),
        # One column has more than one name.
        document(*(device(row(), id=f"10.0.0.{number}") for number in range(7))),
        # Most would be others.
        document(device(*(row(f"{n}.example", organisation=f"net {n}", transmissions=1) for n in range(90)))),
    ],
)
def test_none_where_there_is_nothing_to_see(report: Document) -> None:
    assert flow(ways(report)) is None


def test_only_what_surely_carried_identifiers_is_said_to() -> None:
    view = flow(ways(phones(2)))
    assert view is not None
    said = [link.text for link in view.links if link.band == "open"]
    assert said
    assert all("2 unencrypted" in text for text in said)


def test_a_long_name_is_cut_and_told_whole() -> None:
    report = phones(3)
    report["devices"][0]["destinations"][0]["organisation"] = "n" * 90
    view = flow(ways(report))
    assert view is not None
    (node,) = (node for node in view.nodes if node.text == "n" * 90)
    assert node.shown.endswith("…")
    assert 15 < len(node.shown) < 60
    assert (len(node.shown) + 5) * 7.4 <= node.width


def test_the_table_says_the_same() -> None:
    table = flow_table(ways(phones(60)))
    assert len(table.lines) + table.left_out == 121
    assert len(table.lines) == flow_view.MAX_FLOW_LINES
