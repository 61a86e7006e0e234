"""Sentences that every format for people has."""

import io
import os

import pytest

from phonehome.addons.live.view import view
from phonehome.analysis.render import terminal
from phonehome.analysis.report import phrases
from phonehome.analysis.transmission import Transmission
from tests.report.documents import HOSTILE, made, page_of


def sent(host: str, payload: bytes, number: int = 0) -> Transmission:
    return Transmission(
        time=1e9, client="10.0.0.9", host=host, address=f"192.0.2.{number + 1}", port=443, method="POST",
        path="/", payloads=(payload,),
    )  # fmt: skip


def test_what_packets_cannot_tell_is_said() -> None:
    first = Transmission(
        time=1e9, client="10.0.0.9", host="a.example", protocol="tls", encrypted=True, bytes_sent=9
    )
    document = made(
        [
            (first._replace(unopened="no-keys", transport_outcome="unknown"), 2),
            (
                first._replace(
                    protocol="tcp", encrypted=None, payloads=(NOISE,), transport_outcome="delivered"
                ),
                3,
            ),
            (first._replace(protocol="tcp", encrypted=None, host="b.example", bytes_sent=0), 4),
        ]
    )
    lines = phrases.not_seen(document)
    without_key = (
        "2 transmissions inside TLS or QUIC for which no key was given: only the destination is known."
    )
    assert f"{without_key} To a.example (2)." in lines
    assert "3 transmissions in a protocol that is not known: perhaps encrypted." in lines
    arrival = "2 transmissions whose arrival the capture does not tell: broadcasts, or one direction only."
    assert arrival in lines
    a, b = sorted(document["devices"][0]["destinations"], key=lambda row: str(row["host"]))
    assert (phrases.sent(a), phrases.ENCRYPTED[a["encrypted"]]) == (
        "3 sent, 2 sent, arrival not known",
        "not known whether encrypted",
    )
    assert (phrases.sent(b), b["encrypted"], b["unencrypted"]) == ("4 tried", "unknown", 0)


def test_what_stayed_closed_does_not_look_like_what_was_read_and_found_clean() -> None:
    closed = Transmission(
        time=1e9, client="10.0.0.9", host="pinned.example", protocol="tls", encrypted=True, unopened="passed"
    )
    read = closed._replace(host="read.example", protocol="http", unopened=None)
    both = [(closed._replace(host="both.example"), 2), (read._replace(host="both.example"), 3)]
    document = made([(closed, 4), (closed._replace(unopened="refused"), 1), (read, 1), *both])
    rows = {row["host"]: row for row in document["devices"][0]["destinations"]}
    for host, told in (
        ("pinned.example", ["not opened"]),
        ("both.example", ["2 of 5 not opened"]),
        ("read.example", []),
    ):
        assert phrases.identifiers(rows[host]) == phrases.kinds(rows[host]) == told
    page = page_of(document)
    assert page.count("none recognised") == 1
    out = io.StringIO()
    terminal.write(document, out)
    assert "2 of 5 not opened" in out.getvalue()
    (device,) = view(document)["devices"]
    assert {row["host"]: row["identifiers"] for row in device["rows"]}["pinned.example"] == ["not opened"]
    lines = phrases.not_seen(document)
    assert any(
        line.endswith("only the destination is known. To pinned.example (4) and both.example (2).")
        for line in lines
    )
    assert any(line.endswith("tried, not sent. To pinned.example (1).") for line in lines)


def test_what_was_read_without_a_key_was_not_encrypted() -> None:
    body = b'{"imei": "490154203237518", "iccid": "8944110068000000006"}'
    sent_ = Transmission(
        time=1e9, client="10.0.0.9", host="a.example", protocol="tcp", encrypted=None, payloads=(body,)
    )
    (row,) = made([(sent_, 1)])["devices"][0]["destinations"]
    assert (row["encrypted"], row["unencrypted"]) == ("no", 1)
    assert row["identifiers"][0]["unencrypted"] == 1


NOISE = os.urandom(600)
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(300)


def test_what_was_not_understood_is_told_apart_and_said_of_whom() -> None:
    document = made(
        [
            (sent("a.example", NOISE), 3),
            (sent("b.example", NOISE), 4),
            (sent("c.example", PICTURE), 2),
            (sent("d.example", b'{"a": 1}'), 9),
        ]
    )
    lines = phrases.not_seen(document)
    assert (
        "7 transmissions with a part that looks encrypted once more: not read. To b.example (4) and a.example (3)."
        in lines
    )
    assert "2 transmissions with a part in a format that is not known: not read. To c.example (2)." in lines
    assert not any("d.example" in line or "limits" in line for line in lines)


def test_of_many_the_first_are_named() -> None:
    document = made([(sent(f"h{number}.example", NOISE, number), 9 - number) for number in range(8)])
    (line,) = [line for line in phrases.not_seen(document) if "encrypted once more" in line]
    assert line.endswith(
        "To h0.example (9), h1.example (8), h2.example (7), h3.example (6), h4.example (5) and 3 more."
    )


@pytest.mark.parametrize("name", [*HOSTILE, "{}", "{0.__class__}"])
def test_a_name_in_a_sentence_is_text(name: str) -> None:
    lines = phrases.not_seen(made([(sent(name, NOISE), 1)]))
    (line,) = [line for line in lines if line.startswith("1 transmission with a part that looks encrypted")]
    assert line.isprintable()
    assert len(line) < 250
