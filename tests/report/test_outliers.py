"""The odd one out among phones of one model."""

import pytest

from phonehome.analysis.report.entries import DestinationEntry, OutlierEntry
from phonehome.analysis.report.outliers import MAX_OUTLIERS, outliers
from tests.reports import AFFECTED, FIXED, device, identifier, row, sample

SINGAPORE = row("sg.example", "SG")


def found(*phones: list[DestinationEntry], model: str = "Nokia 7 plus") -> list[OutlierEntry]:
    return outliers(
        [device(*rows, id=f"10.0.0.{number}", model=model) for number, rows in enumerate(phones, 2)]
    )


def test_the_phone_of_the_bad_batch_stands_out_in_the_sample() -> None:
    entries = sample(AFFECTED)["outliers"]
    china = entries[0]
    assert china["text"] == (
        "Of 2 phones that name themselves Nokia 7 plus, only Nokia 7 plus (10.42.0.23) "
        "sent activation data probably to China. It was sent 10 times and tried 4 times without an answer. "
        "The host is zzhc.vnet.cn."
    )
    assert china["devices"] == ["10.42.0.23"]
    assert (china["purpose"], china["country"], china["hosts"]) == ("activation", "CN", ["zzhc.vnet.cn"])
    clear = next(entry for entry in entries if entry["what"] == "unencrypted")
    assert clear["devices"] == ["10.42.0.23"]
    assert {"IMEI", "IMSI", "MAC address"} <= set(clear["identifiers"])


def test_one_phone_has_nobody_to_differ_from() -> None:
    assert sample(FIXED)["outliers"] == []
    assert found([row()]) == []


def test_phones_that_do_the_same_do_not_stand_out() -> None:
    assert found([row()], [row()]) == []


def test_a_few_of_many_stand_out_and_half_of_them_do_not() -> None:
    [entry] = found([row()], [row()], *[[SINGAPORE]] * 4)[:1]
    assert entry["phones"] == 6
    assert entry["devices"] == ["10.0.0.2", "10.0.0.3"]
    assert (
        "2 sent what looks like activation data probably to China. It was sent 6 times. The host is a.example. "
        "These phones are 10.0.0.2 and 10.0.0.3." in entry["text"]
    )
    assert found([row()], [row()], [SINGAPORE], [SINGAPORE]) == []


def test_models_are_kept_apart_and_need_a_name() -> None:
    phones = [device(row(), id="10.0.0.2", model="A"), device(SINGAPORE, id="10.0.0.3", model="B")]
    assert outliers(phones) == []
    for phone in phones:
        phone["model"] = None
    assert outliers(phones) == []


def test_an_attempt_is_called_one() -> None:
    [entry] = found([row(attempts=3)], [SINGAPORE], [SINGAPORE])
    assert (
        "tried to send what looks like activation data probably to China. It was tried 3 times without an answer."
        in entry["text"]
    )


def test_the_same_host_elsewhere_is_no_news() -> None:
    assert found([row("cdn.example", "SG")], [row("cdn.example", "DE")], [row("cdn.example", "DE")]) == []


@pytest.mark.parametrize(
    "quiet",
    [
        row(purpose="push"),
        row(country=None),
        row(country_certainty="uncertain"),
        row(purpose="unclassified", identifiers=[identifier("imei", certainty="possible")]),
        row(purpose="analytics", identifiers=[identifier("advertising-id", "advertising", unencrypted=3)]),
    ],
)
def test_what_does_not_matter_or_is_not_sure_is_not_told(quiet: DestinationEntry) -> None:
    assert found([quiet], [SINGAPORE], [SINGAPORE]) == []


def test_identifiers_in_clear_text() -> None:
    clear = row(
        "sg.example",
        "SG",
        identifiers=[identifier("imei", unencrypted=3), identifier("imsi", "sim", unencrypted=1)],
    )
    closed = row("sg.example", "SG", identifiers=[identifier("imei")])
    [entry] = found([clear], [closed], [closed])
    assert entry["identifiers"] == ["IMEI", "IMSI"]
    assert (
        "only 10.0.0.2 sent identifiers unencrypted. These are IMEI and IMSI. The host is sg.example."
        in entry["text"]
    )


def test_the_list_is_bounded() -> None:
    rows = [
        row(f"h{number}.example", f"{chr(65 + number // 26)}{chr(65 + number % 26)}") for number in range(200)
    ]
    assert len(found(rows, [SINGAPORE], [SINGAPORE])) == MAX_OUTLIERS
