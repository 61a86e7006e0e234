"""Every attack of the table in `docs/policies.md` gives what the table says; no answer contradicts another."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonehome.addons.activation_log import event
from phonehome.addons.live.lines import Lines
from phonehome.addons.live.view import view
from phonehome.analysis.decoding.decoder import Decoder
from phonehome.analysis.decoding.values import Decoded
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.examiner import Examiner
from phonehome.analysis.knowledge.addresses import country_name
from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.policy.judge import judge_policy
from phonehome.analysis.policy.rules import load
from phonehome.analysis.policy.verdict import Verdict
from phonehome.analysis.render.masked import masked, masking_of
from phonehome.analysis.render.output import make_document, rendered
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.located import Session
from phonehome.analysis.sources.mitm import read
from phonehome.analysis.transmission import Transmission
from phonehome.cli import main
from tests.policy.attacks import ATTACKS, CHINA, IMEI, Act, Attack, Scene
from tests.sentences import said, said_of, too_long

DOCS = Path(__file__).parents[2] / "docs" / "policies.md"
ANSWERS = {0: "holds", 1: "broken", 2: "not judged", 4: "a fault"}
BY_ID = {attack.id: attack for attack in ATTACKS}


def capture(attack: Attack, folder: Path) -> Path:
    """The attack's capture."""
    path = folder / f"{attack.id}.mitm"
    scene = Scene()
    attack.act(scene)
    scene.write(path)
    if attack.damage:
        path.write_bytes(attack.damage(path.read_bytes()))
    return path


def seen(path: Path) -> Document:
    return make_document(read_captures([str(path)]), LocationDatabase.open(), DeviceNames())


def results(verdict: Verdict) -> dict[str, str]:
    return {rule["id"]: rule["result"] for rule in verdict["rules"]}


def contradictions(document: Document, verdict: Verdict, policy: str) -> list[str]:
    """Rules that hold although the report says, in its own words, that something went where they forbid it."""
    return [
        f"{rule.id}: {device['summary']}"
        for rule in load(policy).rules
        if rule.forbidden and results(verdict)[rule.id] == "holds"
        for device in document["devices"]
        for row in device["destinations"]
        if row["country"] in rule.forbidden.countries
        and row["purpose"] in rule.purposes
        and f"{row['purpose']} data to {row['country_name']}" in device["summary"]
    ]


@pytest.mark.parametrize("id_", BY_ID)
def test_the_answer_is_that_of_the_table(
    id_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attack = BY_ID[id_]
    path = capture(attack, tmp_path)
    arguments = ["--quiet", "--policy", attack.policy]
    arguments += ["--market", attack.market] if attack.market else []
    status = main(["check", str(path), *arguments])
    said = capsys.readouterr()
    assert status == attack.answer, said.out
    assert attack.says in said.out
    assert IMEI not in said.out + said.err
    if attack.damage:
        assert path.name in said.err

    # What is known again from a report that was saved with masks is the same.
    saved = tmp_path / "saved.json"
    main(["report", str(path), "--quiet", "-o", str(saved)])
    assert IMEI not in saved.read_text()
    assert main(["check", str(saved), *arguments]) == attack.answer
    capsys.readouterr()


@pytest.mark.parametrize("id_", BY_ID)
def test_verdict_summary_and_page_say_the_same(id_: str, tmp_path: Path) -> None:
    attack = BY_ID[id_]
    document = seen(capture(attack, tmp_path))
    verdict = judge_policy(document, load(attack.policy), attack.market)
    assert not contradictions(document, verdict, attack.policy)
    for rule, result in attack.rules.items():
        assert results(verdict)[rule] == result
    masking = masking_of([document])
    assert results(judge_policy(document, load(attack.policy), attack.market, shown=masking)) == results(
        verdict
    )
    shown = masked(document, masking)
    assert results(judge_policy(shown, load(attack.policy), attack.market)) == results(verdict)
    assert [device["summary"] for device in shown["devices"]] == [
        device["summary"] for device in document["devices"]
    ]
    live = view(shown)
    assert [device["summary"] for device in live["devices"]] == [
        device["summary"] for device in document["devices"]
    ]
    assert IMEI not in json.dumps(live)
    assert not too_long([*said(document), *said_of(verdict)])


@pytest.mark.parametrize("id_", [attack.id for attack in ATTACKS if attack.id.startswith("ssid-")])
def test_no_word_that_a_phone_sends_changes_a_word_of_ours(id_: str, tmp_path: Path) -> None:
    def verdict_of(attack: Attack) -> str:
        document = seen(capture(attack, tmp_path))
        verdict = judge_policy(document, load("hmd-2019"), "WW", shown=masking_of([document]))
        return re.sub(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "", json.dumps(verdict))

    assert verdict_of(BY_ID[id_]) == verdict_of(BY_ID["case"])


@pytest.mark.parametrize("format_", ["terminal", "json", "csv", "markdown", "html"])
@pytest.mark.parametrize(
    "id_", ["host-label", "method", "fragment", "header-name", "dns-name", "user-agent", "basic"]
)
def test_nothing_of_it_is_shown(id_: str, format_: str, tmp_path: Path) -> None:
    document = seen(capture(BY_ID[id_], tmp_path))
    assert IMEI.encode() not in rendered(masked(document, masking_of([document])), format_)


@pytest.mark.parametrize("id_", [attack.id for attack in ATTACKS if not attack.damage])
def test_log_and_live_lines_say_what_the_verdict_rests_on(id_: str, tmp_path: Path) -> None:
    """The same purposes, places and outcomes, told one exchange after the other, as in the report that is judged."""
    attack = BY_ID[id_]
    path = capture(attack, tmp_path)
    document = seen(path)
    session, examiner = Session(LocationDatabase.open().locate), Examiner()
    lines = Lines(DeviceNames(), session)
    logged: Counter[tuple[str, str | None, str]] = Counter()
    to_china = False
    for sent in read(path.read_bytes()):
        examiner.learn(sent)
        evidence = examiner.examine(sent)
        if sent.origin != "device" or evidence.judgement.purpose != "activation":
            continue
        session.add(sent)
        entry = event("activation-outcome", evidence, session.locate(sent), None)
        place = entry["destination"].get("geo", {}).get("country_iso_code")
        certainty = entry["phonehome"]["country_certainty"]
        logged[entry["destination"]["address"], place, certainty] += 1
        to_china |= place == "CN" and certainty in ("certain", "likely")
        said = lines.line(evidence, over=True)
        assert said is not None
        assert said[1]
        if place:
            assert country_name(place) in said[0]
    reported: Counter[tuple[str, str | None, str]] = Counter()
    for device in document["devices"]:
        for row in device["destinations"]:
            if row["purpose"] == "activation":
                name = row["host"] or row["addresses"][0]
                reported[name, row["country"], row["country_certainty"]] += row["transmissions"]
    assert logged == reported
    verdict = judge_policy(document, load(attack.policy), attack.market)
    if results(verdict).get("not-to-china") == "holds":
        assert not to_china


ACTS: tuple[Act, ...] = (
    Scene.good,
    Scene.zzhc,
    lambda scene: scene.client_at("http://reg.189.example.cn/", CHINA),
    lambda scene: scene.client_at("http://reg.189.cn/", "198.18.0.5"),
    lambda scene: scene.closed("a.unknown.cn", CHINA),
    lambda scene: scene.closed("zzhc.vnet.cn", CHINA),
    lambda scene: scene.looked_up("zzhc.vnet.cn"),
    lambda scene: scene.says({"imei": IMEI}, "http://up.other.cn/", CHINA),
    lambda scene: scene.says({"ssid": "China"}),
    lambda scene: scene.post(
        "https://android.clients.google.com/checkin", CHINA, b'{"imei": "352099001761481"}'
    ),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.sampled_from(range(len(ACTS))), max_size=5), cut=st.booleans())
def test_whatever_a_phone_does_no_report_says_both(acts: list[int], cut: bool, tmp_path: Path) -> None:
    scene = Scene()
    scene.good()
    for act in acts:
        ACTS[act](scene)
    path = tmp_path / "a.mitm"
    scene.write(path)
    if cut:
        path.write_bytes(path.read_bytes()[:-20])
    document = seen(path)
    for policy in ("hmd-2019", "eea"):
        verdict = judge_policy(document, load(policy), "WW")
        assert not contradictions(document, verdict, policy)
        assert not cut or "holds" not in results(verdict).values()
        masking = masking_of([document])
        again = judge_policy(masked(document, masking), load(policy), "WW")
        assert results(again) == results(verdict)


def test_a_fault_of_ours_is_no_broken_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    decode = Decoder.decode

    def faulty(self: Decoder, sent: Transmission) -> Decoded:
        if sent.host == "zzhc.vnet.cn" and sent.protocol == "http":
            raise RuntimeError("a fault")
        return decode(self, sent)

    monkeypatch.setattr(Decoder, "decode", faulty)
    path = capture(BY_ID["case"], tmp_path)
    assert main(["check", str(path), "--quiet", "--policy", "hmd-2019", "--market", "WW"]) == 4
    said = capsys.readouterr()
    assert "a fault of phonehome" in said.out
    assert "a fault of phonehome" in said.err
    assert "holds]" not in said.out

    def judging(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("phonehome.analysis.policy.judge._gaps", judging)
    assert main(["check", str(path), "--quiet", "--policy", "hmd-2019"]) == 4
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_the_table_is_that_of_the_documentation() -> None:
    text = DOCS.read_text()
    for attack in ATTACKS:
        assert f"| {attack.what} | `{attack.policy}` | {ANSWERS[attack.answer]} |" in text, attack.id
