"""What rules can ask: of hosts, apps, alternatives, groups, markets, times, numbers, and of recipients."""

from typing import Any

import pytest

from phonehome.analysis.policy.judge import Said, judge_policy
from phonehome.analysis.policy.rules import PolicyError, parse
from phonehome.analysis.policy.verdict import RuleVerdict
from tests.policy.test_judge import ACTIVATION, HEAD, NOT_CHINA, REFERENCE, SINGAPORE, rule
from tests.reports import device, document, identifier, row


def judged(text: str, *rows: Any, also: str = "", said: Said | None = None, **more: Any) -> RuleVerdict:
    """The verdict of one rule on one phone; `also` stands before the rule."""
    policy = parse((HEAD + also + rule(text)).encode(), "p.toml")
    return judge_policy(document(device(*rows, **more)), policy, said=said)["rules"][0]


def app(id: str, transmissions: int = 3, *sources: str) -> dict[str, Any]:
    return {"name": "", "id": id, "sources": list(sources or ("process",)), "transmissions": transmissions}


class TestHosts:
    RULE = 'hosts = ["*.maker.example"]\n' + NOT_CHINA

    @pytest.mark.parametrize(
        ("more", "result"),
        [
            ({"host": "a.maker.example"}, "broken"),
            ({"host": "A.Maker.Example"}, "broken"),
            ({"host": "other.example"}, "holds"),
            ({"host": "other.example", "authorities": ["a.maker.example"]}, "broken"),
            ({"host": None}, "not-judged"),
            ({"host": None, "name_candidates": ["a.maker.example"]}, "not-judged"),
            ({"host": "other.example", "authorities": ["a.example"] * 50}, "not-judged"),
        ],
    )
    def test_only_these_are_meant(self, more: dict[str, Any], result: str) -> None:
        assert judged(self.RULE, row(**{"host": "x", **more}))["result"] == result

    def test_another_name_at_its_address_is_no_way_around(self) -> None:
        good = row("a.maker.example", country="SG")
        rule_ = self.RULE.replace('countries = ["CN"]', 'encryption = ["unencrypted"]')
        other = row("other.example", country="SG", unencrypted=3, encrypted="no")
        assert judged(rule_, good, other)["result"] == "not-judged"
        assert judged(rule_, good, {**other, "addresses": ["192.0.2.77"]})["result"] == "holds"

    def test_one_that_was_looked_up_only(self) -> None:
        verdict = judged(self.RULE, row("b.example"), names_only=["a.maker.example"], names_only_count=1)
        assert verdict["result"] == "not-judged"
        assert "looked up a.maker.example" in verdict["reason"]
        assert (
            judged(self.RULE, row("b.example"), names_only=["x"], names_only_count=900)["result"]
            == "not-judged"
        )


def test_a_purpose_that_only_the_name_of_a_host_tells_is_no_ground_for_a_verdict() -> None:
    text = NOT_CHINA.replace('"activation"', '"analytics"')
    assert '"analytics"' in text
    named = row("stats.shop.example", country="CN", purpose="analytics", entry="shop")
    assert judged(text, named)["result"] == "broken"
    assert judged(text, {**named, "entry": None})["result"] != "broken"


class TestApps:
    RULE = 'apps = ["com.qualcomm.*"]\n' + NOT_CHINA
    UNENCRYPTED = RULE.replace('countries = ["CN"]', 'encryption = ["unencrypted"]')

    @pytest.mark.parametrize(
        ("apps", "result"),
        [
            ([app("com.qualcomm.qti.autoregistration")], "broken"),
            ([app("com.other")], "holds"),
            ([app("com.other", 1), app("com.qualcomm.x", 2)], "broken"),
            ([app("com.other", 2)], "not-judged"),
            ([app("com.other", 3, "says")], "not-judged"),
            ([app("com.qualcomm.x", 3, "says")], "not-judged"),
            ([], "not-judged"),
        ],
    )
    def test_by_whose_word_it_is_known(self, apps: list[Any], result: str) -> None:
        assert judged(self.RULE, row(apps=apps))["result"] == result

    def test_of_what_two_apps_sent_nobody_knows_whose_was_in_the_clear(self) -> None:
        both = row(apps=[app("com.other", 1), app("com.qualcomm.x", 2)], unencrypted=1, encrypted="mixed")
        assert judged(self.UNENCRYPTED, both)["result"] == "not-judged"
        assert (
            judged(self.UNENCRYPTED, row(apps=[app("com.qualcomm.x")], unencrypted=1))["result"] == "broken"
        )


class TestAlternatives:
    RULE = ACTIVATION + (
        'allowed = { any_of = [{ countries = ["@eea"] }, { cloud = ["AWS ap-southeast-1"] }], '
        'encryption = ["encrypted"] }'
    )

    @pytest.mark.parametrize(
        ("more", "result"),
        [
            ({"country": "DE"}, "holds"),
            ({"country": "SG", **SINGAPORE}, "holds"),
            ({"country": "SG"}, "broken"),
            ({"country": "DE", "unencrypted": 1}, "broken"),
            ({"country": None}, "not-judged"),
            ({"country": "CN", "country_certainty": "uncertain"}, "not-judged"),
        ],
    )
    def test_one_must_hold(self, more: dict[str, Any], result: str) -> None:
        assert judged(self.RULE, row(**more))["result"] == result

    def test_what_is_against_each_is_said_and_is_as_sure_as_the_least(self) -> None:
        verdict = judged(self.RULE, row(country_certainty="likely"))
        assert verdict["certainty"] == "likely"
        assert "none of what is allowed fits: probably in China" in verdict["broken"][0]["problems"][0]


class TestGroups:
    GROUP = f'[[group]]\nname = "@ours"\ncountries = ["SG", "@eea"]\n{REFERENCE}'

    def test_the_policys_own(self) -> None:
        ours = ACTIVATION + 'allowed = { countries = ["@ours"] }'
        for country, result in (("SG", "holds"), ("NO", "holds"), ("CN", "broken")):
            assert judged(ours, row(country=country), also=self.GROUP)["result"] == result

    def test_in_exceptions(self) -> None:
        excepted = NOT_CHINA.replace('["CN"]', '["CN", "SG"]')
        excepted += '\n[[rule.except]]\ncountries = ["@ours"]\nreason = "ours"\n'
        assert judged(excepted, row(country="SG"), also=self.GROUP)["result"] == "holds"
        assert judged(excepted, row(country="CN"), also=self.GROUP)["result"] == "broken"
        unsure = row(country="SG", country_certainty="uncertain")
        assert judged(excepted, unsure, also=self.GROUP)["result"] == "not-judged"

    def test_a_group_with_a_condition_leaves_nothing_out(self) -> None:
        excepted = 'forbidden = { countries = ["US"] }\n[[rule.except]]\ncountries = ["@adequate"]\nreason = "fine"\n'
        america = row(country="US", first="2024-01-01T00:00:00Z", last="2024-01-01T01:00:00Z")
        assert judged(excepted, america)["result"] == "broken"


class TestMarkets:
    OWN = f'[[market]]\ncode = "EU"\nname = "Europe"\nbuilds = ["*_EEA_*"]\n{REFERENCE}'
    RULE = 'markets = ["EU"]\n' + NOT_CHINA

    def test_the_policys_own_are_told_by_their_builds(self) -> None:
        assert judged(self.RULE, row(), also=self.OWN, builds=["V14_EEA_1"])["result"] == "broken"
        assert judged(self.RULE, row(), also=self.OWN, builds=["V14_CN_1"])["result"] == "not-judged"
        assert judged(self.RULE, row(), also=self.OWN)["result"] == "does-not-apply"  # 00WW
        said = Said(market="EU")
        assert judged(self.RULE, row(), also=self.OWN, builds=[], said=said)["result"] == "broken"


class TestTimes:
    def test_a_rule_speaks_from_a_day_on(self) -> None:
        since = NOT_CHINA.replace("forbidden", "since = 2019-01-22\nforbidden")
        assert judged(since, row())["result"] == "broken"
        later = judged(since.replace("01-22", "01-23"), row())
        assert later["result"] == "not-judged"
        assert "since when the rule speaks" in later["reason"]

    MARK = '[[mark]]\nname = "consent"\nsays = "the user agreed"\n'
    BEFORE = 'before = "consent"\n' + NOT_CHINA

    @pytest.mark.parametrize(
        ("mark", "before", "after"),
        [
            ("2019-01-22T10:00:00Z", "broken", "holds"),
            ("2019-01-22T07:00:00Z", "holds", "broken"),
            ("2019-01-22T08:00:00Z", "not-judged", "not-judged"),
            (None, "not-judged", "not-judged"),
        ],
    )
    def test_a_rule_speaks_of_a_phase(self, mark: str | None, before: str, after: str) -> None:
        said = Said(marks={"consent": mark} if mark else {})
        for text, result in ((self.BEFORE, before), (self.BEFORE.replace("before", "after"), after)):
            verdict = judged(text, row(), also=self.MARK, said=said)
            assert verdict["result"] == result, verdict["reason"]

    def test_what_has_no_time_may_be_of_any_phase(self) -> None:
        said = Said(marks={"consent": "2019-01-22T08:00:00Z"})
        assert (
            judged(self.BEFORE, row(first=None, last=None), also=self.MARK, said=said)["result"]
            == "not-judged"
        )

    def test_a_mark_that_was_not_given_leaves_open_what_the_rule_is_about(self) -> None:
        verdict = judged(self.BEFORE, row(country="SG"), also=self.MARK, said=Said(explain=True))
        assert verdict["result"] == "not-judged"
        assert verdict["explained"]["settle"] == ["--mark consent=TIME"]
        assert judged(self.BEFORE, row(purpose="push"), also=self.MARK)["result"] == "holds"


class TestNumbers:
    def at_most(self, limit: str) -> str:
        return ACTIVATION + f"at_most = {{ {limit} }}"

    @pytest.mark.parametrize(
        ("limit", "result"),
        [
            ("transmissions = 6", "holds"),
            ("transmissions = 5", "broken"),
            ("bytes = 600", "holds"),
            ("bytes = 599", "broken"),
            ('transmissions = 2, per = "day"', "broken"),
            ('transmissions = 1, per = "hour"', "broken"),  # six in three hours
            ('transmissions = 5, per = "hour"', "not-judged"),
            ('transmissions = 6, per = "hour"', "holds"),
        ],
    )
    def test_of_one_phone_together(self, limit: str, result: str) -> None:
        verdict = judged(self.at_most(limit), row(), row("b.example"), row("c.example", purpose="push"))
        assert verdict["result"] == result, verdict["reason"]
        if result == "broken":
            assert {entry["host"] for entry in verdict["broken"]} == {"a.example", "b.example"}

    def test_what_nobody_could_read_may_be_too_much(self) -> None:
        kinds = 'identifiers = ["imei"]\nat_most = { transmissions = 3 }'
        known = row(identifiers=[identifier()])
        assert judged(kinds, known)["result"] == "holds"
        assert judged(kinds, known, row("b.example", protocols=["tls"]))["result"] == "not-judged"
        sealed = row("c.example", protocols=["tls"])
        both = judged(kinds, known, row("b.example", identifiers=[identifier()]), sealed)
        assert both["result"] == "broken"
        assert {entry["host"] for entry in both["broken"]} == {"a.example", "b.example"}

    def test_each_phone_by_itself(self) -> None:
        policy = parse((HEAD + rule(self.at_most("transmissions = 3"))).encode(), "p.toml")
        two = document(device(row()), device(row(), id="10.0.0.3"))
        assert judge_policy(two, policy)["result"] == "holds"


class TestRecipients:
    RULE = 'allowed = { countries = ["@eea", "@adequate"] }'
    JOINED = (
        '[[recipient]]\ncountry = "US"\nname = "Google LLC"\nowners = ["Google"]\nnetworks = [64500]\n'
        f"since = 2023-09-01\nchecked = 2024-09-01\n{REFERENCE}"
    )

    @pytest.mark.parametrize(
        ("day", "more", "result", "said"),
        [
            ("2024-01-01", {"owner": "Google"}, "holds", ""),
            ("2023-08-01", {"owner": "Google"}, "not-judged", "from 2023-09-01 to 2024-09-01 at least"),
            ("2024-12-01", {"owner": "Google"}, "not-judged", "Of that day it is not known"),
            ("2024-01-01", {"owner": "Google", "asn": 64501}, "not-judged", "not in a network of its own"),
            ("2024-01-01", {"owner": "Apple"}, "not-judged", "It may have joined"),
            ("2024-01-01", {"owner": "Google", "owner_basis": "domain"}, "not-judged", "It may have joined"),
            ("2022-01-01", {"owner": "Google"}, "broken", ""),
        ],
    )
    def test_who_had_joined_counts_in_its_own_network_and_as_long_as_that_is_known(
        self, day: str, more: dict[str, Any], result: str, said: str
    ) -> None:
        there = row(country="US", first=f"{day}T01:00:00Z", last=f"{day}T02:00:00Z", **more)
        verdict = judged(self.RULE, there, also=self.JOINED)
        assert verdict["result"] == result
        assert said in verdict["reason"]


class TestTheListThatComesAlong:
    @pytest.mark.parametrize(
        ("day", "asn", "result"),
        [
            ("2024-01-01", 15169, "holds"),
            ("2024-01-01", 4134, "not-judged"),
            ("2023-08-31", 15169, "not-judged"),
            ("2026-01-01", 15169, "not-judged"),
            ("2022-01-01", 15169, "broken"),
        ],
    )
    def test_google_had_joined_for_as_long_as_is_known(self, day: str, asn: int, result: str) -> None:
        there = row(country="US", owner="Google", asn=asn, first=f"{day}T01:00:00Z", last=f"{day}T02:00:00Z")
        assert judged(TestRecipients.RULE, there)["result"] == result


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                TestGroups.GROUP.replace("@eea", "@EEA"),
                "group '@ours': 'countries': there is no group '@EEA'",
            ),
            (TestGroups.GROUP.replace("@ours", "@eea"), "it comes with the program"),
            (TestMarkets.OWN.replace('"EU"', '"WW"'), "market 'WW': it comes with the program"),
            (TestMarkets.OWN.replace("builds", "build"), "unknown key 'build': did you mean 'builds'?"),
            (rule('before = "consnt"\n' + NOT_CHINA) + TestTimes.MARK, "no [[mark]] 'consnt' in this file"),
            (rule(ACTIVATION + "at_most = {}"), "it says how much: transmissions or bytes"),
            (rule(ACTIVATION + 'at_most = { bytes = 1, per = "weak" }'), "'per' must be one of hour, day"),
            (rule(ACTIVATION + 'allowed = { any_of = [{ countries = ["@eea"] }] }'), "any_of"),
            (
                rule(ACTIVATION + 'allowed = { any_of = [{ country = ["NO"] }, { networks = [1] }] }'),
                "unknown key 'country': did you mean 'countries'?",
            ),
            (
                '[[waiver]]\nrule = "q"\nuntil = 2027-01-01\nreason = "x"\nnetworks = [1]\n'
                + rule(NOT_CHINA),
                "waiver number 1: 'rule': there is no rule 'q'",
            ),
            (
                '[[waiver]]\nrule = "r"\nuntil = 2027-01-01\nreason = "x"\n' + rule(NOT_CHINA),
                "waiver number 1: 'networks' is missing: it must be a list of AS numbers, such as [16509]",
            ),
            (TestRecipients.JOINED.replace('Google"]', 'Gogle"]'), "recipient 'Google LLC': 'owners'"),
        ],
    )
    def test_each_is_named(self, text: str, said: str) -> None:
        whole = HEAD + text + ("" if "[[rule]]" in text else rule(NOT_CHINA))
        with pytest.raises(PolicyError) as error:
            parse(whole.encode(), "p.toml")
        assert said in str(error.value)
        assert str(error.value).startswith("p.toml: ")

    def test_all_of_them_are_told(self) -> None:
        with pytest.raises(PolicyError) as error:
            parse(
                (
                    HEAD
                    + rule('purposes = ["x"]\nidentifiers = ["y"]\n' + 'forbidden = { countries = ["ZZZ"] }')
                ).encode(),
                "p",
            )
        assert len(str(error.value).splitlines()) == 3
