"""Rules: which are held, which are broken, and what cannot be judged."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from phonehome.analysis.policy.judge import judge_policy
from phonehome.analysis.policy.rules import PolicyError, load, names, parse
from phonehome.analysis.policy.verdict import RuleVerdict, Verdict
from phonehome.analysis.render.masked import masking_of
from tests.reports import AFFECTED, CHINA, FIXED, device, document, identifier, row, sample

HEAD = '[policy]\nid = "p"\ntitle = "P"\n'
REFERENCE = 'reference = { title = "A statement", where = "https://maker.example/statement" }\n'


def rule(text: str, id: str = "r", reference: str = REFERENCE) -> str:
    return f'[[rule]]\nid = "{id}"\nsays = "what it says"\n{reference}{text}\n'


def judged(text: str, *rows: Any, market: str | None = None, **more: Any) -> RuleVerdict:
    """The verdict of one rule on one phone."""
    verdict = judge_policy(
        document(device(*rows, **more)), parse((HEAD + rule(text)).encode(), "p.toml"), market
    )
    return verdict["rules"][0]


ACTIVATION = 'purposes = ["activation"]\n'
NOT_CHINA = ACTIVATION + 'forbidden = { countries = ["CN"] }'
ONLY_SINGAPORE = ACTIVATION + 'allowed = { cloud = ["AWS ap-southeast-1"] }'
SINGAPORE: dict[str, Any] = {
    "cloud": {"provider": "AWS", "region": "ap-southeast-1"},
    "country_certainty": "certain",
}


class TestTheSamples:
    def test_the_affected_phone_breaks_what_hmd_said_and_the_transmissions_to_china_are_the_evidence(
        self,
    ) -> None:
        report = sample(AFFECTED)
        verdict = judge_policy(report, load("hmd-2019"), shown=masking_of([report]))
        assert verdict["result"] == "broken"
        rules = {entry["id"]: entry for entry in verdict["rules"]}
        broken = {id for id, entry in rules.items() if entry["result"] == "broken"}
        assert broken == {"not-to-china", "singapore", "encrypted", "no-person"}
        for id in broken:
            [evidence] = rules[id]["broken"]
            assert evidence["host"] == "zzhc.vnet.cn"
            assert evidence["label"] == "Nokia 7 plus (10.42.0.23)"
            assert (evidence["sent"], evidence["tried"], evidence["transmissions"]) == (10, 4, 14)
            assert evidence["first"] == "2019-01-22T06:59:00Z"
            assert len(evidence["flows"]) == 3
            assert rules[id]["references"]
        claim = rules["not-to-china"]["broken"][0]["claim"]
        assert (
            "sent activation data probably to China (zzhc.vnet.cn) 10 times, unencrypted. It tried 4 times more"
            in claim
        )
        assert "Inside were IMEI" in claim
        identifiers = rules["encrypted"]["broken"][0]["identifiers"]
        assert "IMEI #1 00101234•••••••" in identifiers
        assert not any("001012340000" in text for text in identifiers)

    def test_the_fixed_phone_keeps_to_it(self) -> None:
        verdict = judge_policy(sample(FIXED), load("hmd-2019"))
        assert verdict["result"] == "holds"
        assert verdict["summary"].startswith("HMD Global's statements of March 2019: holds.")
        singapore = next(entry for entry in verdict["rules"] if entry["id"] == "singapore")
        assert singapore["judged"] == 1
        assert "Google" in singapore["left_out"][0]

    @pytest.mark.parametrize("market", [None, "CN"])
    def test_the_china_variant_keeps_to_what_was_said_of_it(self, market: str | None) -> None:
        verdict = judge_policy(sample(CHINA), load("hmd-2019"), market)
        assert verdict["result"] == "holds"
        results = {entry["id"]: entry["result"] for entry in verdict["rules"]}
        assert results["china-variant"] == "holds"
        assert results["not-to-china"] == results["encrypted"] == "does-not-apply"

    def test_the_china_variant_as_if_it_were_sold_elsewhere(self) -> None:
        verdict = judge_policy(sample(CHINA), load("hmd-2019"), "WW")
        assert verdict["result"] == "broken"
        assert "its build numbers say CN" in verdict["phones"][0]["market_source"]

    def test_a_watch_of_another_maker_is_not_bound_by_what_hmd_said(self) -> None:
        phones = {phone["label"]: phone for phone in judge_policy(sample(CHINA), load("hmd-2019"))["phones"]}
        assert not phones["XYZ-W1 (10.42.0.61)"]["bound"]

    def test_identifiers_that_leave_the_eea(self) -> None:
        verdict = judge_policy(sample(AFFECTED), load("eea"))
        hosts = {entry["host"] for entry in verdict["rules"][0]["broken"]}
        assert hosts == {"zzhc.vnet.cn", "device-activation.example"}
        doubtful = {entry["host"] for entry in verdict["rules"][0]["not_judged"]}
        assert "mtalk.google.com" in doubtful  # never decrypted, and to the United States


class TestPlaces:
    def test_a_forbidden_country(self) -> None:
        assert judged(NOT_CHINA, row())["result"] == "broken"
        assert judged(NOT_CHINA, row(country="SG"))["result"] == "holds"

    def test_an_attempt_counts_and_is_called_one(self) -> None:
        verdict = judged(NOT_CHINA, row(attempts=3))
        assert verdict["result"] == "broken"
        assert (
            "tried to send what looks like activation data probably to China (a.example) 3 times. It got no answer."
        ) in verdict["broken"][0]["claim"]
        assert "sent 3" not in verdict["reason"]

    def test_where_it_cannot_be_it_did_not_go(self) -> None:
        doubtful: dict[str, Any] = {"country": None, "country_certainty": "unknown"}
        assert judged(NOT_CHINA, row(**doubtful))["result"] == "not-judged"
        assert judged(NOT_CHINA, row(**doubtful, excluded_countries=["CN", "US"]))["result"] == "holds"
        assert judged(NOT_CHINA, row(**doubtful, excluded_countries=["US"]))["result"] == "not-judged"
        both = NOT_CHINA.replace('["CN"]', '["CN", "RU"]')
        assert judged(both, row(**doubtful, excluded_countries=["CN"]))["result"] == "not-judged"
        # That it cannot be in one place does not put it into another.
        allowed = ACTIVATION + 'allowed = { countries = ["SG"] }'
        assert judged(allowed, row(**doubtful, excluded_countries=["CN"]))["result"] == "not-judged"

    def test_an_uncertain_country_neither_breaks_nor_holds(self) -> None:
        for country in ("CN", "SG"):
            doubtful = row(country=country, country_certainty="uncertain", anycast=True)
            assert judged(NOT_CHINA, doubtful)["result"] == "not-judged"
        counts = NOT_CHINA.replace("forbidden", 'uncertain_location = "counts"\nforbidden')
        assert judged(counts, row(country_certainty="uncertain"))["result"] == "broken"
        left_out = NOT_CHINA.replace("forbidden", 'uncertain_location = "left-out"\nforbidden')
        assert judged(left_out, row(country_certainty="uncertain"))["result"] == "holds"

    def test_no_country_and_no_address_cannot_be_judged(self) -> None:
        assert judged(NOT_CHINA, row(country=None))["result"] == "not-judged"
        verdict = judged(NOT_CHINA, row(addresses=[], country=None))
        assert "Where it went is not known" in verdict["reason"]

    def test_cloud_regions(self) -> None:
        assert judged(ONLY_SINGAPORE, row(country="SG", **SINGAPORE))["result"] == "holds"
        other = row(
            country="DE", cloud={"provider": "AWS", "region": "eu-central-1"}, country_certainty="certain"
        )
        assert judged(ONLY_SINGAPORE, other)["result"] == "broken"
        assert judged(ONLY_SINGAPORE, row(country="SG"))["result"] == "broken"
        anywhere = ACTIVATION + 'forbidden = { cloud = ["AWS"] }'
        assert judged(anywhere, other)["result"] == "broken"

    def test_networks(self) -> None:
        only = ACTIVATION + "allowed = { networks = [64500, 16509] }"
        assert judged(only, row())["result"] == "holds"
        assert judged(only, row(asn=4134))["result"] == "broken"
        assert judged(only, row(asn=None))["result"] == "not-judged"

    def test_what_is_perhaps_encrypted_cannot_be_judged(self) -> None:
        only = ACTIVATION + 'allowed = { encryption = ["encrypted"] }'
        verdict = judged(only, row(encrypted="unknown", encryption_unknown=3))
        assert verdict["result"] == "not-judged"
        assert "3 times in a protocol that is not known" in verdict["not_judged"][0]["problems"][0]

    def test_encryption(self) -> None:
        only = ACTIVATION + 'allowed = { encryption = ["encrypted"] }'
        assert judged(only, row())["result"] == "holds"
        verdict = judged(only, row(unencrypted=1, encrypted="mixed"))
        assert verdict["broken"][0]["problems"] == ["once unencrypted"]

    def test_broken_beats_not_judged(self) -> None:
        verdict = judged(NOT_CHINA, row(), row("b.example", country=None))
        assert verdict["result"] == "broken"
        assert len(verdict["broken"]) == len(verdict["not_judged"]) == 1

    @pytest.mark.parametrize(
        ("country", "day", "result"),
        [
            ("GB", "2019-01-22", "holds"),
            ("GB", "2022-01-22", "holds"),
            ("JP", "2019-01-22", "broken"),
            ("JP", "2019-01-24", "not-judged"),
            ("US", "2021-01-01", "broken"),
            ("US", "2024-01-01", "not-judged"),
            ("NO", "2024-01-01", "holds"),
            ("SG", "2024-01-01", "broken"),
        ],
    )
    def test_countries_are_judged_by_what_they_were_at_the_time(
        self, country: str, day: str, result: str
    ) -> None:
        there = row(country=country, first=f"{day}T01:00:00Z", last=f"{day}T02:00:00Z")
        assert judged('allowed = { countries = ["@eea", "@adequate"] }', there)["result"] == result


class TestScope:
    def test_other_purposes_are_no_matter(self) -> None:
        assert (
            judged(NOT_CHINA, row(purpose="push"))["reason"]
            == "Nothing of this kind was seen, and it need not be."
        )

    def test_data_that_must_have_been_seen(self) -> None:
        must = NOT_CHINA.replace("forbidden", "must_be_seen = true\nforbidden")
        assert judged(must, row(country="SG"))["result"] == "holds"
        verdict = judged(must, row(country="SG", purpose="unclassified", protocols=["tls"]))
        assert verdict["result"] == "not-judged"
        assert "nothing of this kind was seen. 3 transmissions that nobody could read" in verdict["reason"]

    def test_identifiers_and_categories(self) -> None:
        sim = 'categories = ["sim"]\nforbidden = { countries = ["CN"] }'
        assert judged(sim, row(identifiers=[identifier("imei")]))["result"] == "holds"
        verdict = judged(sim, row(identifiers=[identifier("imei"), identifier("imsi", "sim", delivered=1)]))
        assert verdict["result"] == "broken"
        assert (verdict["broken"][0]["sent"], verdict["broken"][0]["tried"]) == (1, 2)
        assert verdict["broken"][0]["identifiers"] == ["IMSI 001012340000425"]
        perhaps = judged(sim, row(identifiers=[identifier("imsi", "sim", certainty="possible")]))
        assert perhaps["result"] == "not-judged"
        assert "It may carry IMSI" in perhaps["reason"]
        assert (
            judged(sim, row(country="SG", identifiers=[identifier("imsi", "sim", certainty="possible")]))[
                "result"
            ]
            == "holds"
        )

    def test_what_nobody_could_read_may_hold_an_identifier(self) -> None:
        imei = 'identifiers = ["imei"]\nforbidden = { countries = ["CN"] }'
        for unread in ({"protocols": ["tls"]}, {"not_understood": {"encrypted": 1, "bytes": 9}}):
            assert judged(imei, row(**unread))["result"] == "not-judged"
            assert judged(imei, row(country="SG", **unread))["result"] == "holds"
        assert judged('unread = "left-out"\n' + imei, row(protocols=["tls"]))["result"] == "holds"

    def test_owners(self) -> None:
        hmd = 'owners = ["HMD Global", "FIH *"]\n' + NOT_CHINA
        assert judged(hmd, row(owner="HMD Global"))["result"] == "broken"
        # Nobody of whom the rule speaks is accused of it; but that nothing goes to China cannot be said.
        other = judged(hmd, row(owner="Google"))
        assert other["result"] == "not-judged"
        assert "The endpoint is of Google, whom the rule does not name" in other["reason"]
        verdict = judged(hmd, row(country="SG", owner="Google"))
        assert verdict["left_out"] == [
            "3 transmissions left out: the endpoint is of Google, whom the rule does not name"
        ]

    def test_owners_that_nobody_knows(self) -> None:
        hmd = 'owners = ["HMD Global", "FIH *"]\n' + NOT_CHINA
        assert judged(hmd, row())["result"] == "not-judged"
        assert judged(hmd, row(country="SG"))["judged"] == 3
        assert judged('unknown_owner = "counts"\n' + hmd, row())["result"] == "broken"
        left_out = judged('unknown_owner = "left-out"\n' + hmd, row())
        assert (left_out["result"], len(left_out["left_out"])) == ("holds", 1)
        assert judged('owners = ["*"]\n' + NOT_CHINA, row())["result"] == "broken"

    def test_exceptions_say_why(self) -> None:
        excepted = NOT_CHINA + '\n[[rule.except]]\nhosts = ["*.example"]\nreason = "a test host"\n'
        verdict = judged(excepted, row())
        assert verdict["result"] == "holds"
        assert verdict["left_out"] == ["3 transmissions left out: a test host"]

    def test_an_old_statement_does_not_judge_what_came_later(self) -> None:
        until = NOT_CHINA.replace("forbidden", "until = 2019-01-22\nforbidden")
        assert judged(until, row())["result"] == "not-judged"
        assert judged(until.replace("01-22", "01-23"), row())["result"] == "broken"


class TestMarkets:
    WORLD = 'not_markets = ["CN"]\n' + NOT_CHINA

    def test_the_build_number_tells(self) -> None:
        assert judged(self.WORLD, row())["result"] == "broken"
        assert judged(self.WORLD, row(), builds=["00CN_3_22C"])["result"] == "does-not-apply"

    def test_a_market_that_is_not_known_cannot_be_judged(self) -> None:
        for builds in ([], ["00CN_3_22C", "00WW_3_22C"]):
            verdict = judged(self.WORLD, row(), builds=builds)
            assert verdict["result"] == "not-judged"
            assert "say --market" in verdict["reason"]
        assert judged(self.WORLD, row(), builds=[], market="WW")["result"] == "broken"

    def test_one_phone_can_be_named(self) -> None:
        report = document(device(row(), builds=[]), device(row(), id="10.0.0.3", builds=[]))
        policy = parse((HEAD + rule(self.WORLD)).encode(), "p.toml")
        verdict = judge_policy(report, policy, "CN", {"10.0.0.3": "WW"})
        assert [phone["market"] for phone in verdict["phones"]] == ["CN", "WW"]
        assert [entry["device"] for entry in verdict["rules"][0]["broken"]] == ["10.0.0.3"]


class TestTheSummary:
    """Statements, and what is concluded from them, apart; in words, and on what it rests."""

    def said(self, *rules: tuple[str, str], rows: Any = None) -> Verdict:
        text = "".join(
            rule(f'basis = "{basis}"\n{what}').replace('id = "r"', f'id = "rule-{number}"')
            for number, (basis, what) in enumerate(rules)
        )
        phone = device(*(rows or [row(country_certainty="certain")]))
        return judge_policy(document(phone), parse((HEAD + text).encode(), "p.toml"), "WW")

    def test_statements_and_conclusions_are_counted_apart_and_not_by_their_ids(self) -> None:
        holds = 'forbidden = { countries = ["NO"] }'
        verdict = self.said(
            ("stated", NOT_CHINA),
            ("stated", holds),
            ("stated", 'markets = ["CN"]\n' + NOT_CHINA),
            ("inference", NOT_CHINA),
            ("inference", 'allowed = { countries = ["DE"] }'),
        )
        assert verdict["summary"] == (
            "P: BROKEN. 1 of 3 statements contradicted, 1 not contradicted, 1 applies to no phone here. 2 further "
            "conclusions not met. All 3 rest on the same transmissions, to a.example."
        )
        assert "rule-" not in verdict["summary"] + "".join(found["reason"] for found in verdict["rules"])
        assert verdict["rules"][0]["same_as"] == ["rule-3", "rule-4"]

    def test_a_country_that_is_likely_makes_no_certain_verdict(self) -> None:
        verdict = self.said(("stated", NOT_CHINA), ("stated", NOT_CHINA), rows=[row()])
        assert verdict["summary"].startswith(
            "P: BROKEN. 2 of 2 rules broken. 2 of these 2 rest on countries that are likely, not certain."
        )
        assert verdict["rules"][0]["reason"].startswith("Probably against it: sent 3 times")
        assert verdict["rules"][0]["certainty"] == "likely"
        sure = self.said(("stated", 'forbidden = { encryption = ["encrypted"] }'), rows=[row()])["rules"][0]
        assert (sure["certainty"], sure["reason"][:11]) == ("certain", "Against it:")

    def test_what_is_in_part_only_likely_is_said_so(self) -> None:
        rows = [row(country_certainty="certain"), row("b.example")]
        assert judged(NOT_CHINA, *rows)["reason"] == (
            "Against it, in part only probably: sent 6 times, to a.example and b.example."
        )
        unencrypted = judged('forbidden = { encryption = ["encrypted"] }', *rows)["reason"]
        assert unencrypted.startswith("Against it: sent 6 times")

    def test_what_rests_in_part_on_the_same_transmissions(self) -> None:
        rows = [row(country_certainty="certain"), row("b.example", country="RU", country_certainty="certain")]
        verdict = self.said(
            ("stated", NOT_CHINA), ("inference", 'forbidden = { countries = ["CN", "RU"] }'), rows=rows
        )
        assert verdict["summary"].endswith("They rest, in part, on the same transmissions.")

    def test_it_names_what_judged_what(self) -> None:
        verdict = judge_policy(document(device(row())), load("eea"))
        assert verdict["program"].startswith("phonehome ")
        assert any("2026-" in table for table in verdict["tables"])
        data = (Path(__file__).parents[2] / "analysis" / "knowledge" / "policies" / "eea.toml").read_bytes()
        assert verdict["policy"]["sha256"] == hashlib.sha256(data).hexdigest()


def test_no_phone_at_all_is_not_a_policy_that_holds() -> None:
    verdict: Verdict = judge_policy(document(), load("hmd-2019"))
    assert verdict["result"] == "not-judged"
    assert "no phone in the capture" in verdict["summary"]


class TestFiles:
    def test_what_comes_with_the_program_is_right_and_has_references(self) -> None:
        assert names() == ("eea", "hmd-2019")
        for name in names():
            policy = load(name)
            assert policy.id == name
            assert all(found.references and found.says for found in policy.rules)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (rule("purpose = []"), "p.toml: rule 'r': unknown key 'purpose': did you mean 'purposes'?"),
            (
                rule('purposes = ["activaton"]\n' + "forbidden = { anything = true }"),
                "rule 'r': 'purposes': there is no purpose 'activaton': did you mean 'activation'?",
            ),
            (
                rule('identifiers = ["advertisingid"]\nforbidden = { anything = true }'),
                "did you mean 'advertising-id'?",
            ),
            (
                rule('forbidden = { country = ["CN"] }'),
                "rule 'r': 'forbidden': unknown key 'country': did you mean 'countries'?",
            ),
            (
                rule('forbidden = { countries = ["China"] }'),
                "'China' is no ISO 3166-1 code of two capital letters: did you mean 'CN'?",
            ),
            (rule('forbidden = { countries = ["no"] }'), "did you mean 'NO'?"),
            (
                rule('identifiers = ["imie"]\nforbidden = { anything = true }'),
                "did you mean 'imei' or 'imsi'?",
            ),
            (
                rule('allowed = { countries = ["CN", "NO"] }\nforbidden = { countries = ["CN"] }'),
                "rule 'r': CN cannot be both allowed and forbidden",
            ),
            (
                rule("allowed = { networks = [1] }\nforbidden = { networks = [1] }"),
                "rule 'r': AS1 cannot be both allowed and forbidden",
            ),
            (rule('forbidden = { countries = ["QQ"] }'), "'QQ' is no ISO 3166-1 code"),
            (rule('allowed = { countries = ["@EEA"] }'), "did you mean '@eea'?"),
            (rule('allowed = { cloud = ["AWS ap-southeast-11"] }'), "did you mean 'ap-southeast-1"),
            (rule('allowed = { cloud = ["Amazon"] }'), "there is no provider in 'Amazon'"),
            (rule('allowed = { networks = ["AS4134"] }'), "must be a list of AS numbers"),
            (
                rule('allowed = { encryption = ["tls"] }'),
                "must be a list, in which each is one of encrypted, unencrypted",
            ),
            (rule("allowed = {}"), "it is empty"),
            (rule(""), "it allows and forbids nothing"),
            (
                rule('markets = ["WV"]\nforbidden = { anything = true }'),
                "there is no market 'WV'; there is CN, WW",
            ),
            (rule('owners = ["HMD Globl"]\nforbidden = { anything = true }'), "did you mean 'HMD Global'?"),
            (rule('unread = "counts"\nforbidden = { anything = true }'), "'unread' must be one of"),
            (rule('until = "2019"\nforbidden = { anything = true }'), "must be a date"),
            (rule("must_be_seen = 1\nforbidden = { anything = true }"), "must be true or false"),
            (rule("forbidden = { anything = true }", reference=""), "'reference' is missing"),
            (rule("forbidden = { anything = true }") * 2, "id 'r' is in [[rule]] number 1 of p.toml already"),
            (rule("forbidden = { anything = true }\n[[rule.except]]\nreason = 'x'"), "it fits everything"),
            ("", "[[rule]] tables, at least one"),
        ],
    )
    def test_a_mistake_is_named_with_what_was_meant(self, text: str, said: str) -> None:
        with pytest.raises(PolicyError) as error:
            parse((HEAD + text).encode(), "p.toml")
        assert said in str(error.value)
        assert str(error.value).startswith("p.toml: ")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("x = ", "not valid TOML"),
            ("rules = []\n" + HEAD, "unknown key 'rules': did you mean 'rule'?"),
            ("rule = 3\n" + HEAD, "'rule' must be tables"),
            ('[policy]\nid = "p"\ntitel = "P"', "[policy]: unknown key 'titel': did you mean 'title'?"),
            ("rule = []", "'policy' is missing"),
            (HEAD + "[defaults]\npurpose = ['x']\n", "[defaults]: unknown key 'purpose'"),
        ],
    )
    def test_a_file_that_is_no_policy(self, text: str, said: str) -> None:
        with pytest.raises(PolicyError) as error:
            parse((text).encode(), "p.toml")
        assert said in str(error.value)

    def test_a_name_that_is_none(self, tmp_path: Any) -> None:
        with pytest.raises(PolicyError, match="did you mean 'hmd-2019'"):
            load("hmd-2109")
        with pytest.raises(PolicyError, match="No such file"):
            load(str(tmp_path / "none.toml"))
        (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
        with pytest.raises(PolicyError, match="UTF-8"):
            load(str(tmp_path / "binary.toml"))

    def test_a_file_may_begin_with_a_byte_order_mark(self, tmp_path: Any) -> None:
        file = tmp_path / "p.toml"
        file.write_bytes(b"\xef\xbb\xbf" + (HEAD + rule(NOT_CHINA)).encode())
        assert load(str(file)).id == "p"

    def test_the_examples_in_the_documentation_are_policies(self) -> None:
        text = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
        examples = [part.split("```")[0] for part in text.split("```toml\n")[1:]]
        release, own, waivers = examples
        assert [found.id for found in parse(release.encode(), "policies.md").rules] == [
            "activation",
            "no-serial-numbers",
        ]
        assert parse(own.encode(), "policies.md").marks == {"consent": "the user agreed in the set-up"}
        assert len(parse((release + waivers).encode(), "policies.md").waivers) == 1
