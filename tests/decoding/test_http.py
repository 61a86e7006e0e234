"""What HTTP wraps values in."""

import gzip
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.decoding.http import (
    find_boundary,
    parse_content_type,
    parse_cookies,
    parse_multipart,
    parse_pairs,
    parse_path,
    unquote,
)


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
    )
)
def test_forms_come_back(pairs: list[tuple[str, str]]) -> None:
    assert list(parse_pairs(urlencode(pairs), 1000)) == pairs


def test_half_a_character_is_no_error() -> None:
    assert unquote("%41\udcff").startswith("A")
    assert parse_pairs("%41\ud800=%42\udcff", 10)[0][0].startswith("A")
    assert parse_path("/a%41\udcff1", 10)
    assert parse_cookies("a=%41\udcff", 10) == (("a", "%41\udcff"),)


def test_compressed_values_stay_bytes() -> None:
    for time in range(256):
        data = gzip.compress(b'{"imei": "490154203237518"}', mtime=time << 8)
        assert parse_pairs(f"v=1&data={quote(data, safe='')}", 10) == (("v", "1"), ("data", data))
    assert parse_pairs("v=%E6&w=x%9C", 10) == (("v", "æ"), ("w", unquote("x%9C")))


def test_parts_of_a_query_without_a_name() -> None:
    assert parse_pairs("490154203237518&&a&b=", 10) == (("", "490154203237518"), ("", "a"), ("b", ""))
    assert parse_pairs("a=1&b=2&c=3", 2) == (("a", "1"), ("b", "2"))


def test_percent_encoding_of_other_charsets() -> None:
    assert unquote("%E4%B8%AD") == "中"
    assert unquote(quote("中国电信".encode("gb18030"))) == "中国电信"
    assert unquote("100%") == "100%"
    assert unquote("%zz%4") == "%zz%4"


def test_cookies() -> None:
    assert parse_cookies('a=1; SSID="x=y"; flag; b=', 10) == (("a", "1"), ("SSID", "x=y"))


def test_path_segments_are_named_by_the_word_before() -> None:
    assert parse_path("/v1/imei/490154203237518/close;sid=A1", 10) == (
        ("", "v1"),
        ("imei", "490154203237518"),
        ("", "close"),
        ("sid", "A1"),
    )
    assert parse_path("/health", 10) == ()
    assert parse_path("/users/ola%40example.no", 10) == (("users", "ola@example.no"),)


def test_content_types() -> None:
    kind = parse_content_type('Multipart/Form-Data; charset=UTF-8; boundary="a b"')
    assert kind == ("multipart/form-data", "utf-8", "a b")
    assert parse_content_type(";;;").media == ""


BODY = (
    b"preamble\r\n--XX\r\n"
    b'Content-Disposition: form-data; name="imei"\r\n\r\n490154203237518\r\n'
    b"--XX\r\n"
    b'content-disposition: form-data; filename="log.gz"; name="log"\r\n'
    b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: binary\r\n\r\n\x1f\x8b\r\n\r\n\x00\r\n"
    b"--XX--\r\nepilogue"
)


def test_multipart() -> None:
    parts = parse_multipart(BODY, "XX", 10)
    assert parts is not None
    assert [(part.name, part.filename, part.content_type, part.data) for part in parts] == [
        ("imei", "", "", b"490154203237518"),
        ("log", "log.gz", "application/gzip", b"\x1f\x8b\r\n\r\n\x00"),
    ]
    assert len(parse_multipart(BODY, "XX", 1) or []) == 1


def test_multipart_that_was_cut_off_keeps_its_last_part() -> None:
    parts = parse_multipart(BODY[: BODY.index(b"3237518")], "XX", 10)
    assert parts is not None
    assert parts[0].data == b"49015420"


def test_multipart_is_refused_without_its_boundary() -> None:
    assert parse_multipart(BODY, "YY", 10) is None
    assert parse_multipart(BODY, "", 10) is None


def test_a_lost_boundary_is_found() -> None:
    assert find_boundary(BODY[len("preamble\r\n") :]) == "XX"
    assert find_boundary(b"-- a comment\r\n") == ""
