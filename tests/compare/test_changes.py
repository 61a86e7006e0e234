"""What changed from one report to another, and what may be said of it."""

from typing import Any

import pytest

from phonehome.analysis.compare.changes import compare, match
from phonehome.analysis.report.entries import DestinationEntry, DeviceEntry
from tests.reports import AFFECTED, CHINA, FIXED, device, document, identifier, row, sample

CHINA_CLEAR: dict[str, Any] = {"host": "zzhc.vnet.cn", "encrypted": "no", "unencrypted": 3}
SINGAPORE = row("sg.example", "SG")


def findings(before: list[DestinationEntry], after: list[DestinationEntry], **more: Any) -> str:
    old = document(device(*before, model="A", models=["A"], label="Anna"))
    new = document(device(*after, model="A", models=["A"], label="Anna", **more))
    return "\n".join(compare(old, new)["findings"])


class TestTheSamples:
    def test_the_fix_works(self) -> None:
        comparison = compare(sample(AFFECTED), sample(FIXED))
        phone = comparison["devices"][0]
        assert phone["matched_by"] == "identifier"
        assert phone["findings"][0].startswith(
            "The fix works, as far as these captures show: activation data no longer goes to "
            "China. Seen before, in 16 hours: sent 10 times and tried 4 times without an answer, to zzhc.vnet.cn. "
            "That it went to China is likely, not certain. Afterwards, in 16 hours: not once. "
        )
        assert "Singapore (AWS ap-southeast-1) (device-activation.example)" in phone["findings"][0]
        assert "Build 00WW_3_39B_SP03: Carries the fix" in phone["findings"][0]
        assert any(
            finding.startswith("Not seen unencrypted any more: IMEI, ") for finding in phone["findings"]
        )
        status = {change["host"]: change["status"] for change in phone["destinations"]}
        assert status["zzhc.vnet.cn"] == "gone"
        assert status["device-activation.example"] == "new"
        assert phone["unchanged"] == 17
        other = comparison["devices"][1]
        assert (other["before"], other["after"]) == ("Nokia 7 plus (10.42.0.57)", None)

    def test_the_other_way_round_it_got_worse(self) -> None:
        text = "\n".join(compare(sample(FIXED), sample(AFFECTED))["findings"])
        assert "The fix works" not in text
        assert "Activation data now goes probably to China unencrypted. Now: sent 10 times" in text
        assert "Now unencrypted: IMEI" in text

    def test_the_same_report_twice(self) -> None:
        comparison = compare(sample(FIXED), sample(FIXED))
        assert comparison["devices"][0]["destinations"] == []
        assert comparison["findings"] == [
            "No change was seen in where activation data goes, nor in which identifiers go unencrypted."
        ]

    def test_phones_of_one_model_can_be_matched_by_nothing_else(self) -> None:
        comparison = compare(sample(CHINA), sample(FIXED))
        assert [phone["matched_by"] for phone in comparison["devices"]] == ["model", None]


class TestTheFix:
    def test_of_what_was_seen_in_neither_no_change_is_told(self) -> None:
        text = findings([row(purpose="push")], [row(purpose="push")])
        assert (
            text == "Activation data was seen in neither, and no change in which identifiers go unencrypted."
        )

    def test_nothing_of_the_kind_seen_afterwards_shows_nothing(self) -> None:
        text = findings([row(**CHINA_CLEAR)], [row(purpose="push")])
        assert "The fix works" not in text
        assert "No activation data was seen afterwards at all" in text

    @pytest.mark.parametrize("nowhere", [row(country=None), row(country_certainty="uncertain")])
    def test_a_country_that_is_not_sure_shows_nothing(self, nowhere: DestinationEntry) -> None:
        text = findings([row(**CHINA_CLEAR)], [nowhere, SINGAPORE])
        assert "The fix works" not in text
        assert (
            "Whether activation data still goes to China cannot be said. 3 transmissions of activation data"
            in text
        )

    def test_something_unread_in_that_country_shows_nothing(self) -> None:
        closed = row("other.example", "CN", purpose="unclassified", protocols=["tls"])
        text = findings([row(**CHINA_CLEAR)], [closed, SINGAPORE])
        assert "The fix works" not in text
        assert "cannot be said. Now 3 times, closed, to other.example. It went probably to China." in text

    def test_a_name_that_is_still_looked_up(self) -> None:
        text = findings([row(**CHINA_CLEAR)], [SINGAPORE], names_only=["zzhc.vnet.cn"])
        assert "The fix works" not in text
        assert "still looked up zzhc.vnet.cn" in text

    def test_a_host_that_answers_from_elsewhere_is_no_fix(self) -> None:
        text = findings([row(**CHINA_CLEAR)], [row("zzhc.vnet.cn", "SG")])
        assert "The fix works" not in text
        assert (
            "Activation data for zzhc.vnet.cn now goes probably to Singapore. "
            "Before, it went probably to China." in text
        )

    def test_what_was_encrypted_needed_no_fix_that_we_know_of(self) -> None:
        text = findings([row("zzhc.vnet.cn")], [SINGAPORE])
        assert text.startswith("Activation data no longer goes to China")

    def test_only_attempts_before(self) -> None:
        text = findings([row(**CHINA_CLEAR, attempts=3)], [SINGAPORE])
        assert (
            "activation data is no longer tried to be sent to China. Seen before, in 16 hours: tried 3 times without"
            in text
        )

    def test_it_still_goes_there(self) -> None:
        text = findings([row(**CHINA_CLEAR)], [row(**CHINA_CLEAR, attempts=1)])
        assert (
            "Activation data still goes probably to China unencrypted. Now: sent twice and tried "
            "once without an answer" in text
        )

    def test_a_shorter_capture_says_so(self) -> None:
        longer = row(**CHINA_CLEAR)
        old = document(device(longer, first="2019-01-22T00:00:00Z", last="2019-01-22T20:00:00Z"))
        new = document(device(SINGAPORE, first="2019-01-23T00:00:00Z", last="2019-01-23T01:30:00Z"))
        [finding] = compare(old, new)["devices"][0]["findings"][:1]
        assert "Before, in 20 hours: " in finding
        assert "Afterwards, in 90 minutes: not once." in finding
        assert "a later capture that is as long (20 hours; it has 90 minutes)" in finding
        assert "The fix works" not in finding


class TestChanges:
    def changes(self, before: DestinationEntry, after: DestinationEntry) -> list[str]:
        comparison = compare(document(device(before)), document(device(after)))
        return [text for change in comparison["devices"][0]["destinations"] for text in change["changes"]]

    def test_country_and_network(self) -> None:
        after = row(country="SG", asn=16509, organisation="Amazon")
        assert self.changes(row(), after) == [
            "to Singapore (likely), before to China (likely)",
            "in AS16509 Amazon, before in AS64500 Example network",
        ]

    def test_encryption_and_identifiers(self) -> None:
        before = row(
            encrypted="no", unencrypted=3, identifiers=[identifier("imei"), identifier("imsi", "sim")]
        )
        assert self.changes(before, row(identifiers=[identifier("imei"), identifier("mac")])) == [
            "encrypted, before unencrypted",
            "now with MAC",
            "no longer seen with IMSI",
        ]

    def test_volume_only_where_it_is_much(self) -> None:
        assert self.changes(row(transmissions=10), row(transmissions=19)) == []
        assert self.changes(row(transmissions=10), row(transmissions=20)) == ["20 times, before 10 times"]
        assert self.changes(row(transmissions=1), row(transmissions=5)) == []
        assert self.changes(row(), row(attempts=3)) == ["gets no answer now, before it was answered"]


class TestMatching:
    def by(
        self, old: list[DeviceEntry], new: list[DeviceEntry]
    ) -> list[tuple[str | None, str | None, str | None]]:
        return [
            (pair.before["id"] if pair.before else None, pair.after["id"] if pair.after else None, pair.by)
            for pair in match(old, new)
        ]

    def test_the_users_label_comes_first(self) -> None:
        old = [device(row(), id="1", label="Anna"), device(row(), id="2", label="Ben")]
        new = [device(row(), id="2", label="Anna"), device(row(), id="1", label="Ben")]
        assert self.by(old, new) == [("1", "2", "label"), ("2", "1", "label")]

    def test_an_address_does_not_make_another_model_the_same_phone(self) -> None:
        old = [device(row(), model="A", models=["A"])]
        new = [device(row(), model="B", models=["B"])]
        assert self.by(old, new) == [(None, "10.0.0.2", None), ("10.0.0.2", None, None)]
        new = [device(row(), model=None, models=[])]
        assert self.by(old, new) == [("10.0.0.2", "10.0.0.2", "address")]

    def test_two_of_a_model_are_not_told_apart_by_it(self) -> None:
        old = [device(row(), id=id) for id in ("1", "2")]
        new = [device(row(), id="3")]
        assert self.by(old, new) == [(None, "3", None), ("1", None, None), ("2", None, None)]
        assert self.by(old[:1], new) == [("1", "3", "model")]

    def test_phones_without_an_address_are_not_matched_by_it(self) -> None:
        old = [
            device(
                row(),
                id="unknown:a.mitm",
                label="device without an address of its own",
                named=False,
                model=None,
                models=[],
            )
        ]
        assert [pair[2] for pair in self.by(old, old)] == [None, None]
