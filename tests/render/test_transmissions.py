"""What is shown of one transmission: every identifier marked, none to be read."""

import base64
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonehome.analysis.identifiers.known import Known, KnownValues
from phonehome.analysis.identifiers.mask import HIDDEN, Masks
from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.places.location import Location
from phonehome.analysis.render.transmissions import DEEPER, MAX_VALUES, Entry, entry, lines, write
from phonehome.analysis.transmission import Transmission
from tests.examining import examine

IMEI = "356938035643809"
MAC = "ac:37:43:1b:22:9f"


def shown(
    body: object = None, *, masked: bool = True, known: KnownValues | None = None, **more: Any
) -> Entry:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    given: dict[str, Any] = {"headers": (("Content-Type", "application/json"),), "method": "POST", **more}
    sent = Transmission(
        time=1_550_000_000.0,
        client="10.0.0.2",
        host="a.example",
        payloads=(payload,) if body is not None else (),
        **given,
    )
    evidence = examine(sent, known)
    masks = Masks() if masked else None
    return entry(
        "a.mitm", "phone", evidence, lambda sent: Location(address=sent.address or ""), catalogue(), masks
    )


def values(one: Entry) -> list[tuple[str, str, list[str]]]:
    return [
        (value["path"], value["value"], [mark["kind"] for mark in value["identifiers"]])
        for value in one["values"]
    ]


def printed(one: Entry) -> str:
    return "\n".join(line.plain for line in lines(one))


def test_the_other_half_of_a_position_is_hidden_as_well() -> None:
    one = shown({"lat": 59.91273, "lon": 10.74609, "zoom": 12})
    assert values(one) == [
        ("body > json > lat", "#1 59.•, 10.•", ["position"]),
        ("body > json > lon", HIDDEN, []),
        ("body > json > zoom", "12", []),
    ]
    assert "10.74609" in printed(shown({"lat": 59.91273, "lon": 10.74609}, masked=False))


def test_what_a_cell_lies_in_is_hidden_as_well() -> None:
    one = values(shown({"mcc": 242, "mnc": 1, "lac": 30017, "cellid": 27400961}))
    assert one[2] == ("body > json > lac", HIDDEN, [])
    assert one[3][2] == ["cell"]


def test_each_access_point_of_a_list_is_hidden_and_marked() -> None:
    points = [{"bssid": f"ac:37:43:1b:22:{last}", "rssi": -60} for last in ("9f", "a0", "b1")]
    one = shown({"wifi": points})
    assert "ac:37:43" not in printed(one).lower()
    assert sum(kinds == ["access-points"] for _, _, kinds in values(one)) == 3


def test_the_values_of_a_list_are_told_apart() -> None:
    one = shown({"imei": [IMEI, "353918054321001", "867530012345672"]})
    masked = [value for _, value, kinds in values(one) if kinds]
    assert masked == ["#1 35693803•••••••", "#2 35391805•••••••", "#3 86753001•••••••"]


def test_other_spellings_are_hidden_where_they_stand() -> None:
    bare = MAC.replace(":", "")
    one = shown({"mac": MAC, "note": f"seen {bare} and {bare.upper()}", f"k{bare}": 1}, path=f"/d/{bare}/x")
    assert bare not in printed(one).lower()


def test_what_nothing_recognised_is_cut_if_it_could_identify() -> None:
    one = shown(
        {"x7": "51c2d87e06b39f4a", "q": 353918054321006, "r": "+4791234567", "v": "4.38.1"},
        headers=(("Cookie", "sid=AbCdEf0123456789xyz"), ("Authorization", "Bearer Zm9vYmFyYmF6MTIzNDU2")),
    )
    text = printed(one)
    for secret in (
        "51c2d87e06b39f4a",
        "353918054321006",
        "4791234567",
        "AbCdEf0123456789xyz",
        "Zm9vYmFyYmF6MTIzNDU2",
    ):
        assert secret not in text
    assert "4.38.1" in text


def test_a_value_that_was_decoded_is_not_shown_in_its_encoded_form() -> None:
    inner = base64.b64encode(json.dumps({"who": "nobody we know"}).encode()).decode()
    one = values(shown({"p": inner}))
    assert ("body > json > p", DEEPER, []) in one
    assert any(path.endswith("> who") and value == "nobody we know" for path, value, _ in one)
    assert inner in printed(shown({"p": inner}, masked=False))


def test_what_is_only_found_as_sent_is_shown_too() -> None:
    known = KnownValues([Known("shelf", "B-77-1234")])
    one = shown(b"\x00\x01\xff\xfe" * 30 + b"B-77-1234" + b"\x00\xfe\x81" * 30, known=known)
    (found,) = [value for value in one["values"] if value["identifiers"]]
    assert found["identifiers"][0]["label"] == "your shelf"
    assert "B-77-1234" not in printed(one)


def test_an_identifier_is_shown_however_many_values_stand_before_it() -> None:
    one = shown({**{f"k{number}": number for number in range(2 * MAX_VALUES)}, "imei": IMEI})
    assert one["values"][-1]["identifiers"]
    assert one["values_left_out"] == MAX_VALUES
    assert f"{MAX_VALUES:,} more values" in printed(one)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("the radio is ac:37:43:a1:b2:c3 here", "ac:37:43:a1:b2:c3"),
        ("the radio is AC-37-43-A1-B2-C3 here", "A1-B2-C3"),
        ("seen at 59.913868,10.752245", "10.75"),
        ("seen at 59.913868; 10.752245", "59.91"),
        ("its number is R58M123ABCD", "R58M123ABCD"),
        ("id=R58M123ABC", "R58M123ABC"),
    ],
)
def test_what_stands_in_a_text_is_cut_as_well(text: str, secret: str) -> None:
    assert secret not in printed(shown({"log": text}))
    assert secret in printed(shown({"log": text}, masked=False))
    (path, _, _), *_ = values(shown(method="GET", path="/w/" + text.replace(" ", "_")))
    assert secret not in path


def test_names_and_builds_stay_readable() -> None:
    fields = {
        "SIM1CDMAIMSI": "242011234567890",
        "SIM1CELLID": 7509123,
        "SIM1LTEIMSI": "",
        "swver": "00WW_3_22C",
    }
    one = values(shown(fields))
    assert [path.rpartition(" > ")[2] for path, _, _ in one] == ["SIM1CDMAIMSI", "SIM1CELLID", "swver"]
    assert one[-1][1:] == ("00WW_3_22C", ["build"])


def test_a_name_that_holds_a_number_hides_it() -> None:
    one = shown({"imei_356938035643809": "x", "a.berg@example.org": {"email": "y"}})
    assert IMEI not in printed(one)
    assert "berg" not in printed(one)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_screen_lines_go_on_under_their_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    one, screen, pipe = shown({"imei": IMEI}), Screen(), io.StringIO()
    write([one], screen)
    write([one], pipe)
    text = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    rows = text.splitlines()
    assert max(map(len, rows)) <= 60
    place = next(place for place, row in enumerate(rows) if row.startswith("    body > json > imei"))
    assert re.match(r" {8}\S", rows[place + 1])
    assert "".join(text.split()) == "".join(pipe.getvalue().split())
    assert any("imei" in line and "check digit right" in line for line in pipe.getvalue().splitlines())


def test_a_model_and_a_user_agent_stay_readable() -> None:
    agent = "Dalvik/2.1.0 (Linux; U; Android 9; Nokia 7 plus Build/PPR1.180610.011)"
    one = shown(headers=(("User-Agent", agent),))
    assert values(one) == [("header > user-agent", agent, ["model", "build"])]


@pytest.mark.parametrize("hostile", ["\x1b[2J", "[bold]x[/bold]\u202e", "\ud800", "a\nb"])
def test_captured_text_does_nothing(hostile: str) -> None:
    one = shown(
        {hostile: hostile},
        method=hostile,
        path="/" + hostile,
        error=hostile,
        flow_id=hostile,
        headers=((hostile, hostile),),
    )
    for line in lines(one):
        assert line.plain.isprintable() or not line.plain
        line.plain.encode()


_DIGITS = st.text("0123456789", min_size=13, max_size=13)


@settings(max_examples=150, deadline=None)
@given(_DIGITS, st.integers(0, 5), st.text(max_size=8))
def test_no_form_of_an_imei_is_readable(digits: str, form: int, around: str) -> None:
    imei = "3" + digits + "7"
    encode = (
        lambda text: text,
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: text.encode().hex(),
        lambda text: json.dumps({"v": text}),
        lambda text: base64.urlsafe_b64encode(json.dumps({"v": text}).encode()).decode().rstrip("="),
        lambda text: f"imei={text}&x=1",
    )[form]
    known = KnownValues([Known("imei", imei)])
    body = {"imei": imei, "deep": encode(imei), "note": f"{around} {imei} {around}"}
    one = shown(
        body, known=known, path=f"/p/{imei}/{encode(imei)}?q={encode(imei)}", headers=(("x-a", encode(imei)),)
    )
    text = printed(one) + json.dumps(one)
    assert imei not in text
    if form:
        assert encode(imei) not in text
