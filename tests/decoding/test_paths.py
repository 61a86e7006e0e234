"""Positions in lists: part of a path only where the catalogue declares a field by its position."""

import json

from phonehome.analysis.decoding import paths
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.knowledge.schema import POSITION
from tests.decoding.usual import decode_bytes

LIST = ("body", "form", "extinfo", "json")
"""A list of which the catalogue declares items."""


def last() -> int:
    """The highest position that is declared of it."""
    return max(
        int(match[1])
        for endpoint in catalogue().endpoints.values()
        for field in endpoint.fields
        if field.path[:-1] == LIST and (match := POSITION(field.path[-1]))
    )


def decoded(items: list[object]) -> list[tuple[paths.Path, object]]:
    data = json.dumps(items).encode()
    return [
        (value.path, value.data) for value in decode_bytes(data, "application/json", path=LIST[:-1]).values
    ]


def test_items_have_their_position_up_to_the_last_that_is_declared() -> None:
    items = [*range(100, 103 + last()), "one", "two"]
    assert decoded(items) == [
        (((*LIST, f"[{place}]") if place <= last() else LIST), item) for place, item in enumerate(items)
    ]


def test_what_gives_no_value_keeps_its_place() -> None:
    assert [path[-1] for path, _ in decoded([None, "", True, "here", {"a": 1}])] == ["[3]", "a"]


def test_what_an_item_holds_stands_under_its_position() -> None:
    assert decoded(["x", {"a": 1}, ["y", "z"]])[1:] == [
        ((*LIST, "[1]", "a"), 1),
        ((*LIST, "[2]"), "y"),
        ((*LIST, "[2]"), "z"),
    ]


def test_other_lists_have_one_path() -> None:
    values = decode_bytes(b'{"extinfo": ["a", "b", 3]}', "application/json").values
    assert {value.path for value in values} == {("body", "json", "extinfo")}


def test_compression_does_not_hide_that_a_list_is_declared() -> None:
    known = paths.Paths(catalogue().declared_positions)
    assert known.positions(("body", "gzip", *LIST[1:])) == known.positions(LIST) == last() + 1
