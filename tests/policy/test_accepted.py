"""What a baseline and a waiver cover, and what they must not."""

from typing import Any

import pytest

from phonehome.analysis.policy.judge import Said, judge_policy
from phonehome.analysis.policy.rules import PolicyError, load_waivers, parse
from phonehome.analysis.policy.verdict import Verdict
from phonehome.analysis.render.build_server import render
from phonehome.analysis.render.output import rendered
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.phrases import evidence
from tests.policy.test_judge import ACTIVATION, HEAD, NOT_CHINA, rule
from tests.reports import device, document, identifier, row

KINDS = 'identifiers = ["imei", "imsi"]\nforbidden = { countries = ["CN"] }'
NETWORK = 64500


def one(*rows: Any, **more: Any) -> Document:
    return document(device(*rows, **more))


def waived(text: str = "", until: str = "2027-01-01", networks: str = "[64500]") -> str:
    return f'[[waiver]]\nrule = "r"\nuntil = {until}\nreason = "ticket 7"\nnetworks = {networks}\n{text}\n'


def judged(
    later: Document,
    text: str = NOT_CHINA,
    also: str = "",
    baseline: Document | None = None,
    today: str = "2026-06-01",
) -> Verdict:
    policy = parse((HEAD + rule(text) + also).encode(), "p.toml")
    return judge_policy(later, policy, said=Said(baseline=baseline, today=today))


class TestBaseline:
    def test_what_is_known_does_not_break_and_is_said(self) -> None:
        verdict = judged(one(row()), baseline=one(row()))
        assert verdict["result"] == "accepted"
        assert verdict["summary"].startswith(
            "P: broken only as accepted. Against it only as accepted, to a.example"
        )
        assert (verdict["baseline"]["known"], verdict["baseline"]["new"]) == (1, 0)
        assert "  - known: 10.0.0.2 sent" in render([verdict], one(row()), "text")

    def test_what_is_new_does(self) -> None:
        verdict = judged(one(row(), row("b.example")), baseline=one(row()))
        assert verdict["result"] == "broken"
        assert [entry["host"] for entry in verdict["rules"][0]["broken"]] == ["b.example"]
        assert [entry["host"] for entry in verdict["rules"][0]["accepted"]] == ["a.example"]

    def test_what_is_gone_is_said(self) -> None:
        verdict = judged(one(row(country="SG")), baseline=one(row()))
        assert verdict["result"] == "holds"
        assert verdict["baseline"]["gone"] == [
            "10.0.0.2, r: a.example (probably to China), 3 transmissions then"
        ]

    @pytest.mark.parametrize(
        "more",
        [
            {"asn": 64501},
            {"asn": None},
            {"unencrypted": 1},
            {"purpose": "diagnostics"},
            {"host": "b.example"},
            {"host": None, "addresses": ["192.0.2.9"]},
        ],
        ids=str,
    )
    def test_another_way_of_it_is_new(self, more: dict[str, Any]) -> None:
        text = NOT_CHINA.replace(ACTIVATION, "")
        assert judged(one(row(**more)), text, baseline=one(row()))["result"] == "broken"

    def test_what_was_tried_only_and_is_sent_now_is_new(self) -> None:
        assert judged(one(row()), baseline=one(row(attempts=3)))["result"] == "broken"
        assert judged(one(row(attempts=3)), baseline=one(row()))["result"] == "accepted"

    def test_kinds_of_identifiers(self) -> None:
        imei, imsi = identifier(), identifier("imsi", "sim")
        perhaps = identifier("imsi", "sim", certainty="possible")
        before = one(row(identifiers=[imei]))
        assert judged(one(row(identifiers=[imei])), KINDS, baseline=before)["result"] == "accepted"
        assert judged(one(row(identifiers=[imei, imsi])), KINDS, baseline=before)["result"] == "broken"
        assert judged(one(row(identifiers=[imei, perhaps])), KINDS, baseline=before)["result"] == "not-judged"
        assert (
            judged(one(row(identifiers=[imei, imsi])), KINDS, baseline=one(row(identifiers=[imei, perhaps])))[
                "result"
            ]
            == "broken"
        )

    def test_behind_what_is_known_nothing_can_hide(self) -> None:
        unread = row(identifiers=[identifier()], not_understood={"unknown": 1, "bytes": 90})
        verdict = judged(one(unread), KINDS, baseline=one(unread))
        assert verdict["result"] == "not-judged"
        assert "so that more in it would not be seen" in verdict["rules"][0]["reason"]

    def test_in_a_cloud_another_address_can_be_anybodys(self) -> None:
        cloud: dict[str, Any] = {"cloud": {"provider": "AWS", "region": "cn-north-1"}}
        before = one(row(**cloud))
        assert judged(one(row(**cloud)), baseline=before)["result"] == "accepted"
        moved = judged(one(row(**cloud, addresses=["192.0.2.9"])), baseline=before)
        assert moved["result"] == "not-judged"
        assert "in which anybody can have a machine" in moved["rules"][0]["reason"]

    def test_of_another_phone_nothing_counts(self) -> None:
        before = document(device(row()), device(row(country="SG"), id="10.0.0.3"))
        assert judged(one(row(), id="10.0.0.2"), baseline=before)["result"] == "accepted"
        other = judged(one(row(), id="10.0.0.3"), baseline=before)
        assert other["result"] == "broken"
        assert judged(one(row(), id="10.9.9.9"), baseline=before)["baseline"]["other_phones"] == [
            "10.0.0.2",
            "10.0.0.3",
        ]
        # Where each report has one phone, the user said that they are one; unless he gave them two names.
        assert judged(one(row(), id="10.9.9.9"), baseline=one(row()))["result"] == "accepted"
        named = one(row(), label="A", named=True), one(row(), label="B", named=True)
        assert judged(named[0], baseline=named[1])["result"] == "broken"

    def test_a_number_that_grows_is_not_known(self) -> None:
        most = ACTIVATION + "at_most = { transmissions = 2 }"
        assert judged(one(row()), most, baseline=one(row()))["result"] == "broken"

    def test_what_could_not_be_judged_stays_so(self) -> None:
        doubtful = one(row(), row("b.example", country=None))
        assert judged(doubtful, baseline=doubtful)["result"] == "not-judged"
        cut = one(row())
        cut["captures"] = [{**cut["captures"][0], "damage": ["cut off"]}]
        assert judged(cut, baseline=one(row()))["result"] == "not-judged"


class TestWaivers:
    def test_it_counts_until_its_day_by_the_clock_of_who_checks(self) -> None:
        verdict = judged(one(row()), also=waived())
        assert verdict["result"] == "accepted"
        assert "Waived until 2027-01-01: ticket 7" in verdict["summary"]
        late = judged(one(row()), also=waived(), today="2027-01-01")
        assert late["result"] == "broken"
        assert late["waivers"][0]["expired"]
        said = render([late], one(row()), "text")
        assert (
            "waiver of r until 2027-01-01 (ticket 7): EXPIRED, does not count (it fits 3 transmissions)"
            in said
        )
        assert judged(one(row()), also=waived(), today="")["result"] == "broken"

    @pytest.mark.parametrize(
        ("text", "more", "result"),
        [
            ('hosts = ["a.example"]', {}, "accepted"),
            ('hosts = ["a.example"]', {"asn": 64501}, "broken"),
            ('hosts = ["a.example"]', {"asn": None}, "broken"),
            ('hosts = ["*.b.example"]', {}, "broken"),
            ('owners = ["China Telecom"]', {"owner": "China Telecom"}, "accepted"),
            ('owners = ["China Telecom"]', {"owner": "China Telecom", "owner_basis": "domain"}, "broken"),
            ('countries = ["CN"]', {}, "accepted"),
            ('countries = ["RU"]', {}, "broken"),
        ],
    )
    def test_all_that_is_given_must_fit(self, text: str, more: dict[str, Any], result: str) -> None:
        assert judged(one(row(**more)), also=waived(text))["result"] == result

    def test_of_some_kinds_of_identifiers(self) -> None:
        also = waived('identifiers = ["imei"]')
        imei = identifier()
        perhaps = identifier("imsi", "sim", certainty="possible")
        for rows, result in (
            (row(identifiers=[imei]), "accepted"),
            (row(identifiers=[imei, identifier("imsi", "sim")]), "broken"),
            (row(identifiers=[imei, perhaps]), "not-judged"),
            (row(identifiers=[imei], not_understood={"unknown": 1}), "not-judged"),
        ):
            assert judged(one(rows), KINDS, also=also)["result"] == result

    def test_one_that_fits_nothing_is_said(self) -> None:
        verdict = judged(one(row(country="SG")), also=waived())
        assert verdict["result"] == "holds"
        assert "it fits nothing here" in render([verdict], one(row()), "text")

    def test_what_it_covers_stands_in_every_report(self) -> None:
        report = one(row())
        report["verdict"] = verdict = judged(report, also=waived())
        [line] = evidence(verdict["rules"][0])
        assert line.startswith("Put up with until 2027-01-01 (ticket 7): 10.0.0.2 sent ")
        for format_ in ("html", "markdown", "json"):
            assert "ticket 7" in rendered(report, format_).decode()

    def test_it_covers_no_doubt(self) -> None:
        assert judged(one(row(country=None)), also=waived())["result"] == "not-judged"
        both = judged(one(row(), row("b.example", country=None)), also=waived())
        assert both["result"] == "not-judged"

    def test_a_file_of_its_own(self, tmp_path: Any) -> None:
        policy = parse((HEAD + rule(NOT_CHINA)).encode(), "p.toml")
        file = tmp_path / "waivers.toml"
        file.write_text(waived())
        found = load_waivers(str(file), [policy])
        said = Said(waivers=found, today="2026-06-01")
        assert judge_policy(one(row()), policy, said=said)["result"] == "accepted"
        for wrong, told in (
            (waived().replace('"r"', '"q"'), "waivers.toml: waiver number 1: 'rule': there is no rule 'q'"),
            (waived('policy = "x"'), "'policy': there is no policy 'x'"),
            (waived().replace("2027-01-01", '"2027"'), "'until' must be a date without quotes"),
            (waived().replace("reason", "raeson"), "unknown key 'raeson': did you mean 'reason'?"),
        ):
            file.write_text(wrong)
            with pytest.raises(PolicyError) as error:
                load_waivers(str(file), [policy])
            assert told in str(error.value)
        with pytest.raises(PolicyError, match="cannot be read"):
            load_waivers(str(tmp_path / "none.toml"), [policy])
