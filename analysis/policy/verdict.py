"""What it is to hold a report against a policy: the shape of the answer, in a report and out of one.

`phonehome.analysis.policy.judge` comes to it, `phonehome.analysis.report` shows it.
"""

from typing import Literal, NotRequired, TypedDict

Result = Literal["holds", "accepted", "broken", "not-judged", "does-not-apply"]
"""`accepted`: broken, but only by what a baseline shows as well, or a waiver puts up with."""


class EvidenceEntry(TypedDict):
    """One destination of one device, and what a rule has against it, or cannot tell."""

    device: str
    label: str
    claim: str
    """A sentence: what was sent or tried, and where."""
    problems: list[str]
    host: str | None
    addresses: list[str]
    country: str | None
    country_name: str | None
    country_certainty: str
    asn: int | None
    organisation: str | None
    cloud: str | None
    owner: str | None
    purpose: str
    purpose_reason: str
    transmissions: int
    sent: int
    """Of the transmissions, those that were answered."""
    tried: int
    """Of the transmissions, those that got no answer."""
    acknowledged: int | None
    unencrypted: int
    first: str | None
    last: str | None
    identifiers: list[str]
    flows: list[str]
    """Identities of the first transmissions in the capture."""


class AcceptedEntry(EvidenceEntry):
    """One destination that is against a rule, and put up with."""

    by: Literal["baseline", "waiver"]
    accepted_because: str
    until: str
    """ISO date of a waiver; empty for the baseline."""


class ExplainedEntry(TypedDict):
    """What was made of one destination of one phone."""

    label: str
    host: str | None
    addresses: list[str]
    where: str
    """`probably to China`."""
    purpose: str
    transmissions: int
    role: str
    """`against it`, `keeps to it`, `not judged`, `left out`, `accepted`."""
    why: list[str]


class Explanation(TypedDict):
    """How a rule was judged."""

    destinations: int
    """That were looked at, of phones that it is about."""
    entries: list[ExplainedEntry]
    not_meant: list[str]
    """What it is not about, and why: so many destinations, so many transmissions."""
    exceptions: list[str]
    """Each with how much it left out."""
    doubts: list[str]
    """What is not known of a phone, or a capture, as a whole."""
    settle: list[str]
    """What would settle a rule that could not be judged."""


class RuleVerdict(TypedDict):
    id: str
    says: str
    basis: str
    note: str
    references: list[str]
    result: Result
    certainty: Literal["certain", "likely", "uncertain"] | None
    """Of a rule that is broken: how sure the countries are on which that rests, at best; None for others."""
    same_as: list[str]
    """Ids of other broken rules that rest, at least in part, on the same transmissions."""
    reason: str
    judged: int
    """Transmissions that the rule is about, of the phones that it is about."""
    broken: list[EvidenceEntry]
    not_judged: list[EvidenceEntry]
    listed_only: int
    """Destinations beyond those that are listed."""
    left_out: list[str]
    """What the rule leaves out, with its reason."""
    accepted: NotRequired[list[AcceptedEntry]]
    """What is against it, and put up with."""
    explained: NotRequired[Explanation]


class PhoneVerdict(TypedDict):
    id: str
    label: str
    market: str | None
    market_source: str
    """Why this market, or why none."""
    bound: bool
    """Whether the policy is about this phone."""


class WaiverEntry(TypedDict):
    """A waiver that the user gave."""

    rules: list[str]
    until: str
    reason: str
    expired: bool
    """Whether it counts no more."""
    transmissions: int
    """That it fits, whether it counts or not."""


class BaselineEntry(TypedDict):
    """What an earlier report shows of the same phones."""

    captures: list[str]
    new: int
    """Destinations that are against a rule, and were not."""
    known: int
    gone: list[str]
    """What was against a rule, and was not seen any more."""
    other_phones: list[str]
    """Phones of the earlier report of which none here is known to be the same."""


class Verdict(TypedDict):
    """The answer. `result` is the worst of the rules: broken, then not-judged, then accepted, then holds."""

    policy: dict[str, str]
    """`id`, `title`, `description`, and `sha256` of the file."""
    program: str
    """Name and version."""
    tables: list[str]
    """What places were found by: tables and lists, with their dates."""
    result: Result
    summary: str
    phones: list[PhoneVerdict]
    rules: list[RuleVerdict]
    waivers: NotRequired[list[WaiverEntry]]
    baseline: NotRequired[BaselineEntry]
