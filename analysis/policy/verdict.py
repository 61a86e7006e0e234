"""What it is to hold a report against a policy: the shape of the answer, in a report and out of one.

`phonehome.analysis.policy.judge` comes to it, `phonehome.analysis.report` shows it.
"""

from typing import Literal, TypedDict

Result = Literal["holds", "broken", "not-judged", "does-not-apply"]


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


class PhoneVerdict(TypedDict):
    id: str
    label: str
    market: str | None
    market_source: str
    """Why this market, or why none."""
    bound: bool
    """Whether the policy is about this phone."""


class Verdict(TypedDict):
    """The answer. `result` is the worst of the rules: broken, then not-judged, then holds."""

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
