"""Text that no format fits."""

import csv
import io
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.identifiers.engine import Recogniser
from tests.decoding.usual import decode_bytes

IMEI = "490154203237518"
MAC = "02:1a:11:f0:a9:e1"


def read(text: str) -> dict[str, list[object]]:
    """Name -> values, of a text that is a whole body."""
    found: dict[str, list[object]] = {}
    for value in decode_bytes(text.encode(), "text/plain").values:
        if value.key:
            found.setdefault(value.key.lower(), []).append(value.data)
    return found


@pytest.mark.parametrize(
    "text",
    [
        f"imei,mac\n{IMEI},{MAC}\n",
        f'imei;name;mac\r\n{IMEI};"Nokia; 7 plus";{MAC}\r\n',
        f"imei\tmac\n{IMEI}\t{MAC}",
        f"imei|mac\n{IMEI}|{MAC}\n351756051523999|02:1a:11:f0:a9:e2\n",
        f"imei,{IMEI}\nmac,{MAC}\n",
        f"imei\t{IMEI}\nmac\t{MAC}\n",
        f"imei={IMEI}|mac={MAC}",
        f"imei:{IMEI};mac:{MAC}",
        f"imei={IMEI},mac={MAC}",
        f"imei => {IMEI}, mac => {MAC}",
        f"imei={IMEI} mac={MAC}",
        f"[device]\nimei={IMEI}\nmac={MAC}\n",
        f"; settings\n[device]\nimei = {IMEI}\n\n[net]\nmac = {MAC}\n",
        f"IMEI: {IMEI}, MAC: {MAC}",
        f"2024-05-01 12:00:00.123 D/Phone(1234): IMEI: {IMEI}, MAC: {MAC}",
        f"05-01 12:00 I/x: boot\n05-01 12:01 I/x: imei={IMEI}.\n05-01 12:02 I/x: mac=[{MAC}]\n",
        f"{{imei:'{IMEI}', mac: \"{MAC}\", /* five */ n: 5,}}",
        f"{{\n  // the phone\n  imei: {IMEI},\n  mac: '{MAC}',\n}}",
        f'cb({{"imei":"{IMEI}","mac":"{MAC}"}});',
        f'window.data = {{"imei":"{IMEI}","mac":"{MAC}"}};',
        f"var d={{imei:'{IMEI}',mac:'{MAC}'}};",
        f')]}}\',\n{{"imei":"{IMEI}","mac":"{MAC}"}}',
        f'for(;;);{{"imei":"{IMEI}","mac":"{MAC}"}}',
    ],
)
def test_names_and_values_come_out_of_it(text: str) -> None:
    found = read(text)
    assert str(found["imei"][0]) == IMEI
    assert found["mac"][0] == MAC


def test_lines_are_objects() -> None:
    values = decode_bytes(f"imei,mac\n{IMEI},{MAC}\n351756051523999,02:1a:11:f0:a9:e2\n".encode()).values
    assert [value.path for value in values] == [("body", "table", "imei"), ("body", "table", "mac")] * 2
    assert values[0].group == values[1].group != values[2].group == values[3].group


def test_a_table_is_no_list_of_pairs_whatever_its_cells_hold() -> None:
    table = "state,tries,last\n" + f"A:,0,{IMEI}\n" * 4
    assert [value.path[-2:] for value in decode_bytes(table.encode()).values][2::3] == [("table", "last")] * 4


NAMES = st.from_regex(r"[a-z][a-z_]{1,10}", fullmatch=True)
CELLS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=12).filter(
    lambda cell: cell == cell.strip() and not set(cell) & set("\"'")
)


@given(
    st.lists(NAMES, min_size=2, max_size=5, unique=True).flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1, max_size=4),
        )
    )
)
def test_any_table_that_csv_writes_is_read(table: tuple[list[str], list[list[str]]]) -> None:
    names, rows = table
    out = io.StringIO()
    csv.writer(out).writerows([[*names, "last"], *([*row, "490154203237518"] for row in rows)])
    values = decode_bytes(out.getvalue().encode(), "text/csv").values
    read = [value.data for value in values if value.path[-2:] == ("table", "last")]
    assert read == ["490154203237518"] * len(rows)


@given(st.text(max_size=400))
def test_any_text_is_a_value_or_noted(text: str) -> None:
    decoded = decode_bytes(text.encode("utf-8", "replace"), "text/plain")
    assert decoded.values or decoded.opaque or not text.strip()


PROSE = (
    "Dear Anna, the meeting is tomorrow at 10:30. Bring: pens, paper and the model: a red one. "
    "Our serial: comedy, not crime; phone: no, mail: yes. "
)
NOTHING = {
    "prose": PROSE * 4,
    "HTML": "<!doctype html><html><head><meta charset=utf-8><title>imei</title></head><body><p>imei: none<br>"
    "<a href='/device?id=5'>model: A</a></body></html>",
    "script": "(function(){var model='a',imei=function(){return 5};window.serial={id:1};})();" * 6,
    "style sheet": "body{color:red;margin:0}\n.device{width:5px;serial:none}\n@media print{a{b:c}}" * 6,
    "PEM": "-----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END CERTIFICATE-----",
    "Java": "public class Imei { private String imei = null; public String getImei() { return imei; } }" * 4,
    "shell": 'for i in 1 2; do echo "imei: $i"; done\nexport SERIAL=none\nif [ -f x ]; then echo a=b; fi\n'
    * 3,
    "markdown": "# Device\n\n- model: see below\n- serial: see **above**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    * 3,
}


@pytest.mark.parametrize("name", NOTHING)
def test_prose_and_source_code_hold_no_identifier(name: str) -> None:
    decoded = decode_bytes(NOTHING[name].encode(), "text/plain")
    assert [each for each in Recogniser().recognise(decoded) if each.certainty != "possible"] == []
    assert decoded.opaque, "and are not passed over"


def test_random_texts_hold_no_identifier() -> None:
    rng = random.Random(5)
    words = re.findall(
        r"\S+", "the a device model is serial phone imei mac of id and user location see no 12 7.5 today"
    )
    for _ in range(300):
        text = "".join(
            rng.choice(words) + rng.choice((" ", " ", ": ", ", ", "=", ".\n", "; ")) for _ in range(60)
        )
        found = Recogniser().recognise(decode_bytes(text.encode(), "text/plain"))
        assert [each for each in found if each.certainty == "certain" or each.kind in ("imei", "mac")] == []


def test_what_is_left_is_counted() -> None:
    line = f"2024-05-01 12:00:00.123 phone 1234 registers at the network with IMEI: {IMEI}, MAC: {MAC}"
    (note,) = decode_bytes(line.encode()).opaque
    assert (note.path, note.looks) == (("body", "entries"), "unknown")
    assert 30 < note.size < len(line)
    (note,) = decode_bytes(("what nobody understands " * 20).encode()).opaque
    assert (note.path, note.size, note.looks) == (("body",), 480, "unknown")


@pytest.mark.parametrize("text", ["ping", "hello world", "OK", "1", MAC, "a2:1b:c3:d4:e5:f6"])
def test_a_short_text_is_a_value(text: str) -> None:
    decoded = decode_bytes(text.encode())
    assert text in [value.data for value in decoded.values]
    assert decoded.opaque == ()


def test_a_text_with_a_name_is_a_value_and_not_taken_apart() -> None:
    build = "Nokia/TA-1046:9/PPR1.180610.011:user/release-keys"
    body = f'--b7\r\nContent-Disposition: form-data; name="build"\r\n\r\n{build}\r\n--b7--\r\n'
    values = decode_bytes(body.encode(), "multipart/form-data; boundary=b7").values
    assert [(value.key, value.data) for value in values] == [("build", build)]
