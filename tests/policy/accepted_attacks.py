"""Attacks on what is put up with, and on what rules ask beyond places: captures, flow by flow, of a phone that tries to
bring about a baseline, a waiver or an exception by what it sends, or to get out of a rule's reach.

`docs/policies.md` shows the same table.
"""

import random
from dataclasses import dataclass
from typing import Final

from captures.flows import Phone
from captures.make_samples import PHONE_A
from tests.policy.attacks import BROKEN, CHINA, FINLAND, HOLDS, IMEI, NOT_JUDGED, Act, Damage, Scene

OTHER_CHINA: Final = "123.125.81.6"
"""In another network than CHINA."""
IMSI: Final = "460030912121001"
NOISE: Final = random.Random(16)
_REFERENCE: Final = 'reference = { title = "A statement", where = "https://maker.example/statement" }\n'
_HEAD: Final = '[policy]\nid = "gate"\ntitle = "Gate"\n'


def rule(text: str) -> str:
    return f'[[rule]]\nid = "r"\nsays = "what it says"\n{_REFERENCE}{text}\n'


NO_IDENTIFIER_TO_CHINA: Final = rule('categories = ["hardware", "sim"]\nforbidden = { countries = ["CN"] }')
NONE_IN_CLEAR: Final = rule('categories = ["hardware", "sim"]\nforbidden = { encryption = ["unencrypted"] }')
WAIVED: Final = '[[waiver]]\nrule = "r"\nreason = "ticket 7"\nnetworks = [4134]\nhosts = ["up.known.cn"]\n'
UNTIL: Final = "until = 2999-01-01\n"


@dataclass(frozen=True)
class GateAttack:
    """One row of the table."""

    id: str
    what: str
    act: Act
    answer: int
    policy: str = NO_IDENTIFIER_TO_CHINA
    before: Act | None = None
    """What the baseline holds, if one is given."""
    damage: Damage | None = None
    options: tuple[str, ...] = ()
    says: str = ""
    """Stands in the text of the verdict."""


def known(scene: Scene, url: str = "http://up.known.cn/v1", address: str = CHINA, **more: object) -> None:
    """What the baseline shows, and a waiver covers: the IMEI, to a host in AS4134."""
    scene.says({"imei": IMEI, **more}, url, address)


def _at(address: str, url: str = "http://up.known.cn/v1", **more: object) -> Act:
    return lambda scene: known(scene, url, address, **more)


def _sealed(scene: Scene) -> None:
    known(scene)
    scene.post("http://up.known.cn/v1", CHINA, NOISE.randbytes(900))


def _unanswered(scene: Scene) -> None:
    scene.recorder.http_flow(
        PHONE_A.phone,
        scene.later(),
        f"http://zzhc.vnet.cn/?imei={IMEI}",
        reply=None,
        error="refused",
        connected=False,
    )


def _answered(scene: Scene) -> None:
    scene.recorder.http_flow(PHONE_A.phone, scene.later(), f"http://zzhc.vnet.cn/?imei={IMEI}", resolve=False)


def _from(phone: Phone, act: Act) -> Act:
    """The same of another phone, which calls itself as the first does."""

    def other(scene: Scene) -> None:
        first = len(scene.recorder.flows)
        act(scene)
        for flow in scene.recorder.flows[first:]:
            flow.client_conn.peername = (phone.address, 40000)

    return other


OTHER: Final = Phone("10.42.0.99")


def _two_phones(scene: Scene) -> None:
    known(scene)
    _from(OTHER, lambda scene: scene.says({"model": "TA-1046", "x": 1}))(scene)


def _second_does_it(scene: Scene) -> None:
    scene.says({"model": "TA-1046", "x": 1})
    _from(OTHER, lambda scene: known(scene, model="TA-1046"))(scene)


def _many_hosts(scene: Scene) -> None:
    for number in range(6):
        scene.says({"imei": IMEI}, f"https://h{number}.maker.example.fi/v1", FINLAND)


def _ntp(data: bytes, port: int = 123) -> Act:
    def act(scene: Scene) -> None:
        scene.says({"imei": IMEI}, "https://api.weather.example/v1")
        scene.recorder.udp_flow(PHONE_A.phone, scene.later(), FINLAND, port, [(0, True, data)])

    return act


def _other_name(scene: Scene) -> None:
    scene.says({"x": 1}, "https://api.maker.example.fi/v1", FINLAND)
    scene.says({"imei": IMEI}, "http://cdn.other.example.fi/v1", FINLAND)


def _before_and_after(scene: Scene) -> None:
    known(scene)
    scene.at += 7200
    known(scene)


HOSTS: Final = rule('hosts = ["*.maker.example.fi"]\nforbidden = { encryption = ["unencrypted"] }')
APPS: Final = rule('apps = ["com.maker.*"]\nforbidden = { countries = ["CN"] }')
MARKED: Final = '[[mark]]\nname = "consent"\nsays = "the user agreed"\n' + rule(
    'categories = ["hardware"]\nbefore = "consent"\nforbidden = { countries = ["CN"] }'
)
AT_MOST: Final = rule('categories = ["hardware"]\nat_most = { transmissions = 3 }')
GROUPED: Final = NO_IDENTIFIER_TO_CHINA + '[[rule.except]]\ncountries = ["@eea"]\nreason = "ours"\n'
MARK: Final = ("--mark", "consent=2019-02-01T08:30:00Z")
WAIVED_UNTIL: Final = NO_IDENTIFIER_TO_CHINA + WAIVED + UNTIL

ATTACKS: Final[tuple[GateAttack, ...]] = (
    # -- a baseline
    GateAttack(
        "same", "what the baseline shows, again", known, HOLDS, before=known, says="known from the baseline"
    ),
    GateAttack(
        "network",
        "the name that the baseline knows, in another network",
        _at(OTHER_CHINA),
        BROKEN,
        before=known,
    ),
    GateAttack(
        "kind", "at what the baseline knows, the IMSI as well", _at(CHINA, imsi=IMSI), BROKEN, before=known
    ),
    GateAttack(
        "path",
        "another name at the address that the baseline knows",
        _at(CHINA, "http://new.known.cn/v1"),
        BROKEN,
        before=known,
    ),
    GateAttack(
        "sealed",
        "beside what the baseline knows, ciphertext",
        _sealed,
        NOT_JUDGED,
        before=known,
        says="would not be seen",
    ),
    GateAttack(
        "clear",
        "unencrypted now, encrypted in the baseline",
        known,
        BROKEN,
        before=_at(CHINA, "https://up.known.cn/v1"),
    ),
    GateAttack("delivered", "sent now, only tried in the baseline", _answered, BROKEN, before=_unanswered),
    GateAttack(
        "other-phone",
        "another phone does it, under the model's name of that in the baseline",
        _second_does_it,
        BROKEN,
        before=_two_phones,
    ),
    GateAttack(
        "cut",
        "what the baseline shows, in a capture that is cut off",
        known,
        NOT_JUDGED,
        before=known,
        damage=lambda data: data + b"9" * 40,
    ),
    GateAttack(
        "number",
        "more often than may be, as in the baseline",
        _many_hosts,
        BROKEN,
        AT_MOST,
        before=_many_hosts,
    ),
    # -- a waiver
    GateAttack("waived", "what a waiver covers", known, HOLDS, WAIVED_UNTIL, says="waived until 2999-01-01"),
    GateAttack(
        "waived-network", "the waiver's host name in another network", _at(OTHER_CHINA), BROKEN, WAIVED_UNTIL
    ),
    GateAttack(
        "waived-kind",
        "beside the waiver's kind of identifier another",
        _at(CHINA, imsi=IMSI),
        BROKEN,
        WAIVED_UNTIL + 'identifiers = ["imei"]\n',
    ),
    GateAttack(
        "waived-sealed",
        "under a waiver for one kind, ciphertext",
        _sealed,
        NOT_JUDGED,
        WAIVED_UNTIL + 'identifiers = ["imei"]\n',
    ),
    GateAttack(
        "expired",
        "an expired waiver, and a capture from before it expired",
        known,
        BROKEN,
        NO_IDENTIFIER_TO_CHINA + WAIVED + "until = 2019-12-31\n",
        says="EXPIRED",
    ),
    GateAttack(
        "waiver-ssid",
        'an SSID "ticket 7", and another host',
        _at(CHINA, "http://b.known.cn/", ssid="ticket 7"),
        BROKEN,
        WAIVED_UNTIL,
    ),
    # -- exceptions, hosts, apps, marks, numbers
    GateAttack(
        "group",
        "an exception for a group, and a name that sounds like it at an address in China",
        _at(CHINA, "http://up.maker.example.fi/"),
        BROKEN,
        GROUPED,
    ),
    GateAttack(
        "host-other",
        "another name at an address of a host that the rule names",
        _other_name,
        NOT_JUDGED,
        HOSTS,
    ),
    GateAttack("host-bare", "no name at all", _at(FINLAND, f"http://{FINLAND}/"), NOT_JUDGED, HOSTS),
    GateAttack(
        "app",
        "a request that calls itself another app's",
        lambda scene: scene.post("http://up.known.cn/", CHINA, b"{}", ("X-Requested-With", "com.other.app")),
        NOT_JUDGED,
        APPS,
    ),
    GateAttack("mark", "before the mark", known, BROKEN, MARKED, options=MARK),
    GateAttack(
        "mark-date",
        "before the mark, with a header that says it is later",
        lambda scene: scene.post(
            f"http://up.known.cn/?imei={IMEI}", CHINA, b"", ("Date", "Fri, 01 Feb 2019 23:00:00 GMT")
        ),
        BROKEN,
        MARKED,
        options=MARK,
    ),
    GateAttack(
        "mark-both",
        "to one host before the mark and after it",
        _before_and_after,
        BROKEN,
        MARKED,
        options=MARK,
    ),
    GateAttack(
        "mark-none",
        "a mark of which nobody says when it was",
        known,
        NOT_JUDGED,
        MARKED,
        says="When 'consent' was is not known",
    ),
    GateAttack("spread", "too many transmissions, spread over many hosts", _many_hosts, BROKEN, AT_MOST),
    # -- time
    GateAttack("time", "the time, asked for unencrypted", _ntp(b"\x1b" + bytes(47)), HOLDS, NONE_IN_CLEAR),
    GateAttack(
        "time-imei",
        "an IMEI as the time stamp of such a question",
        _ntp(b"\x1b" + bytes(39) + bytes.fromhex(f"0{IMEI}")),
        NOT_JUDGED,
        NONE_IN_CLEAR,
    ),
    GateAttack(
        "time-more",
        "such a question with 16 bytes more",
        _ntp(b"\x1b" + bytes(47) + NOISE.randbytes(16)),
        NOT_JUDGED,
        NONE_IN_CLEAR,
    ),
    GateAttack(
        "time-port",
        "such a question to another port",
        _ntp(b"\x1b" + NOISE.randbytes(47), 9123),
        NOT_JUDGED,
        NONE_IN_CLEAR,
    ),
)


def policy_of(attack: GateAttack) -> str:
    return _HEAD + attack.policy
