"""No phone brings a baseline, a waiver or an exception about by what it sends: each attack gives what the table in
`docs/policies.md` says."""

from pathlib import Path

import pytest

from phonehome.cli import main
from tests.policy.accepted_attacks import ATTACKS, GateAttack, policy_of
from tests.policy.attacks import IMEI, Act, Scene
from tests.policy.test_attacks import ANSWERS, DOCS


def capture(act: Act, path: Path) -> Path:
    scene = Scene()
    act(scene)
    scene.write(path)
    return path


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)
def test_the_answer_is_that_of_the_table(
    attack: GateAttack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = capture(attack.act, tmp_path / "later.mitm")
    if attack.damage:
        later.write_bytes(attack.damage(later.read_bytes()))
    policy = tmp_path / "gate.toml"
    policy.write_text(policy_of(attack))
    options = ["--quiet", "--policy", str(policy), *attack.options]
    if attack.before:
        saved = tmp_path / "before.json"
        main(["report", str(capture(attack.before, tmp_path / "before.mitm")), "--quiet", "-o", str(saved)])
        options += ["--baseline", str(saved)]
    assert main(["check", str(later), *options]) == attack.answer, capsys.readouterr().out
    said = capsys.readouterr()
    assert attack.says in said.out
    assert IMEI not in said.out + said.err


def test_the_table_is_that_of_the_documentation() -> None:
    text = DOCS.read_text()
    for attack in ATTACKS:
        assert f"| {attack.what} | {ANSWERS[attack.answer]} |" in text, attack.id
