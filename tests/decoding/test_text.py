"""Documents of text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding.text import (
    broken_json,
    framed_json,
    parse_json,
    parse_lines,
    parse_xml,
    printable_runs,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=15,
)


def as_tree(document: object) -> object:
    """What the parser should give for a document: pairs for objects."""
    if isinstance(document, dict):
        return tuple((name, as_tree(inner)) for name, inner in document.items())
    return [as_tree(inner) for inner in document] if isinstance(document, list) else document


@given(st.lists(JSON) | st.dictionaries(st.text(max_size=5), JSON))
def test_json_comes_back(document: object) -> None:
    assert parse_json(json.dumps(document), 10) == ("json", as_tree(document))


def test_names_that_come_twice_are_both_kept() -> None:
    assert parse_json('{"imei":"1","imei":"2"}', 10) == ("json", (("imei", "1"), ("imei", "2")))


@pytest.mark.parametrize(
    ("document", "name", "count"),
    [
        ('{"a":1}\n{"a":2}\n', "ndjson", 2),
        ('\x1e{"a":1}\n\x1e{"a":2}\n', "ndjson", 2),
        ('{"a":1}{"a":2} [3]', "json", 3),
        ('{"a":1},\n{"a":2},\n', "ndjson", 2),
    ],
)
def test_several_documents(document: str, name: str, count: int) -> None:
    found = parse_json(document, 10)
    assert found is not None
    assert (found[0], len(found[1])) == (name, count)


@pytest.mark.parametrize(
    "document",
    ["", "490154203237518", "null", "word", '"word"', '{"a":1', "{'a':1}", '{"a":1} tail', "[1][2]x"],
)
def test_what_is_no_json(document: str) -> None:
    assert parse_json(document, 10) is None


def test_json_in_a_text_of_json() -> None:
    assert parse_json(json.dumps(json.dumps({"a": 1})), 10) == ("json", '{"a": 1}')


def test_numbers_that_python_does_not_convert() -> None:
    found = parse_json('{"n":' + "9" * 5000 + ',"imei":"490154203237518","nan":NaN}', 10)
    assert found is not None
    assert dict(found[1])["imei"] == "490154203237518"
    assert dict(found[1])["nan"] is None


def test_framed_json() -> None:
    assert framed_json('42["event",{"a":1}]') == ["event", (("a", 1),)]
    assert framed_json("2probe") is None
    assert framed_json("see [1] and more") is None


def test_broken_json_keeps_what_was_written() -> None:
    document = json.dumps(
        {"imei": "490154203237518", "loc": {"lat": 59.91, "lng": -10.75}, "name": 'a"b\u00e5'}
    )
    tree = broken_json(document[:-5] + "  ", 100)
    assert tree == [(("imei", "490154203237518"),), (("lat", 59.91), ("lng", -10.75))]
    assert broken_json("[1,2", 10) is None


def test_xml() -> None:
    found = parse_xml(
        '<?xml version="1.0"?><n:device xmlns:n="urn:x" id="7"><imei>490154203237518</imei>'
        '<sim slot="1">89470</sim></n:device>',
        100,
        10,
    )
    assert found == (
        (("device", (("id", "7"), ("imei", "490154203237518"), ("sim", (("slot", "1"), ("", "89470"))))),),
        True,
    )


def test_xml_that_was_cut_off() -> None:
    found = parse_xml("<device><imei>490154203237518</imei><mac>02:1", 100, 10)
    assert found is not None
    tree, whole = found
    assert dict(dict(tree)["device"])["imei"] == "490154203237518"
    assert not whole


@pytest.mark.parametrize(
    "document",
    [
        "",
        "< 3",
        "<no xml",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a>&b;</a>',
    ],
)
def test_what_is_no_xml(document: str) -> None:
    assert parse_xml(document, 100, 10) is None


def test_lines() -> None:
    assert parse_lines("imei: 490154203237518\nmodel = Nokia\n\nbye\nos:13\nx=\n", 10) == (
        ("imei", "490154203237518"),
        ("model", "Nokia"),
        ("", "bye"),
        ("os", "13"),
        ("x", ""),
    )
    assert parse_lines("a sentence\nand another", 10) is None
    assert parse_lines("one: line", 10) is None


def test_runs() -> None:
    assert list(printable_runs(b"\x00short\x00490154203237518\xffSM-G960F/DS-123\x01", 10)) == [
        "490154203237518",
        "SM-G960F/DS-123",
    ]
    assert len(list(printable_runs(b"abcdefghijklmn\x00" * 10, 3))) == 3
