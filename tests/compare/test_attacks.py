"""Pairs of captures of which "the fix works" must not be said, and the one of which it may be.

Each pair is made flow by flow. `docs/compare.md` shows the same table.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from captures.make_samples import PHONE_A, PHONE_B
from phonehome.analysis.compare.changes import compare
from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.pipeline import read_captures
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.render.masked import masked, masking_of
from phonehome.analysis.render.output import make_document
from phonehome.analysis.report.entries import Document
from tests.policy.attacks import CHINA, FINLAND, IMEI, Scene, _random

Act = Callable[[Scene], object]
DOCS = Path(__file__).parents[2] / "docs" / "compare.md"


def _day(scene: Scene, occasions: int = 6) -> None:
    """The maker's activation, and a phone in use for hours, which shows its IMEI and MAC address."""
    scene.good()
    for _ in range(occasions):
        scene.at += 1800
        scene.story.connectivity(PHONE_A, scene.at)
        scene.says(
            {"imei": PHONE_A.imei1, "mac": PHONE_A.mac, "model": "TA-1046"},
            "https://shop.maker.example.fi/v1",
            FINLAND,
        )


def before(scene: Scene) -> None:
    scene.zzhc()
    _day(scene)


def _another_phone(scene: Scene) -> None:
    scene.story.maker_activation(
        PHONE_B.__class__(**{**vars(PHONE_B), "phone": PHONE_A.phone}),
        scene.later(),
        "device-activation.example",
    )
    for _ in range(6):
        scene.at += 1800
        scene.story.connectivity(PHONE_A, scene.at)
        scene.says({"x": 1})


def _both(*acts: Act) -> Act:
    def act(scene: Scene) -> None:
        for one in acts:
            one(scene)

    return act


def _streamed(scene: Scene) -> None:
    flow = scene.post("http://up.unknown.cn/a", CHINA, b"")
    flow.request.data.content = None
    flow.request.headers["Content-Length"] = "900"


def _few_occasions(scene: Scene) -> None:
    scene.good()
    scene.at += 40_000
    scene.says({"imei": PHONE_A.imei1, "mac": PHONE_A.mac})


def _no_activation(scene: Scene) -> None:
    for _ in range(40):
        scene.says({"x": 1})


PAIRS: Final[tuple[tuple[str, Act, Callable[[bytes], bytes] | None, str], ...]] = (
    (
        "another host in China got the IMEI",
        _both(_day, lambda scene: scene.says({"imei": IMEI}, "http://up.other.cn/", CHINA)),
        None,
        "No fix can be seen: IMEI went probably to China",
    ),
    (
        "the client at another host of China Telecom",
        _both(_day, lambda scene: scene.client_at("http://reg.189.cn/", CHINA)),
        None,
        "still goes probably to China unencrypted",
    ),
    (
        "an IMEI went to where is not known",
        _both(_day, lambda scene: scene.says({"imei": IMEI}, "http://up.other.cn/", "100.64.1.1")),
        None,
        "No fix can be seen",
    ),
    ("the later capture is cut off", _day, lambda data: data[:-300], "a later capture that was read whole"),
    (
        "the later capture has garbage in it",
        _day,
        lambda data: data + b"9" * 500,
        "a later capture that was read whole",
    ),
    ("the later capture is one check-in long", Scene.good, None, "a later capture that is as long"),
    (
        "the later capture has few occasions",
        _few_occasions,
        None,
        "as many transmissions",
    ),
    ("another phone has the address", _another_phone, None, "that both are one phone"),
    (
        "50 connections to the host, closed",
        _both(_day, lambda scene: scene.closed("zzhc.vnet.cn", CHINA, times=50)),
        None,
        "Now 50 times, closed",
    ),
    (
        "50 connections to another host in that network, closed",
        _both(_day, lambda scene: scene.closed("a.unknown.cn", CHINA, times=50)),
        None,
        "Now 50 times, closed",
    ),
    (
        "ciphertext to another host there",
        _both(_day, lambda scene: scene.post("http://a.unknown.cn/", CHINA, _random(1000))),
        None,
        "not read, to a.unknown.cn",
    ),
    ("a body that was not kept", _both(_day, _streamed), None, "not read, to up.unknown.cn"),
    (
        "the host was looked up",
        _both(_day, lambda scene: scene.looked_up("zzhc.vnet.cn")),
        None,
        "still looked up zzhc.vnet.cn",
    ),
    (
        "no activation afterwards",
        _no_activation,
        None,
        "No activation data was seen afterwards at all",
    ),
    (
        "activation to where is not known",
        _both(_day, lambda scene: scene.client_at("http://reg.189.cn/", "198.18.0.9")),
        None,
        "No fix can be seen",
    ),
)


def seen(act: Act, folder: Path, name: str, damage: Callable[[bytes], bytes] | None = None) -> Document:
    scene = Scene()
    act(scene)
    path = folder / f"{name}.mitm"
    scene.write(path)
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    return make_document(read_captures([str(path)]), LocationDatabase.open(), DeviceNames())


def saved(document: Document) -> Document:
    return masked(document, masking_of([document]), known_again=True)


@pytest.mark.parametrize(("what", "after", "damage", "said"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_what_the_captures_do_not_show_is_not_said(
    what: str, after: Act, damage: Callable[[bytes], bytes] | None, said: str, tmp_path: Path
) -> None:
    old, new = seen(before, tmp_path, "before"), seen(after, tmp_path, "after", damage)
    findings = "\n".join(compare(old, new)["findings"])
    assert "The fix works" not in findings
    assert said in findings
    # The same from reports that were saved with masks, but that a phone is known again by two identifiers, not by one.
    masked_findings = "\n".join(compare(saved(old), saved(new))["findings"])
    assert masked_findings == findings or "that both are one phone" in masked_findings
    assert "The fix works" not in masked_findings
    assert f"| {what} |" in DOCS.read_text()


def test_what_they_show_is(tmp_path: Path) -> None:
    old, new = seen(before, tmp_path, "before"), seen(_day, tmp_path, "after")
    comparison = compare(old, new)
    assert comparison["devices"][0]["matched_by"] == "identifier"
    assert comparison["findings"][0].startswith("The fix works, as far as these captures show")
    assert compare(saved(old), saved(new))["findings"] == comparison["findings"]
