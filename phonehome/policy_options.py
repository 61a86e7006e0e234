"""What `report` and `check` share: which policies, for phones of which markets, and what else the user says of them."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, NamedTuple

from phonehome.options import UsageError

if TYPE_CHECKING:
    from phonehome.analysis.policy.judge import Said
    from phonehome.analysis.policy.rules import Policy
    from phonehome.analysis.policy.verdict import Verdict
    from phonehome.analysis.report.entries import Document
    from phonehome.analysis.report.shown import Shown


def add_policy(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Rules to hold the captures against, and what decides which of them apply."""
    more = "; can be repeated" if several else ""
    parser.add_argument(
        "--policy",
        action="append" if several else "store",
        required=several,
        metavar="FILE|NAME",
        help=f"rules: a TOML file, or one that comes along: hmd-2019, eea{more}",
    )
    parser.add_argument(
        "--market",
        action="append",
        default=[],
        metavar="CODE|PHONE=CODE",
        help="market that the phones, or one of them (by label, id or address), were made for, such as WW or CN; "
        "default: what build numbers in the traffic say",
    )
    parser.add_argument(
        "--mark",
        action="append",
        default=[],
        metavar="NAME=TIME",
        help="when a mark was that the policy names, such as consent=2026-11-26T10:05:00Z: rules can be about what was "
        "sent before it, or after; can be repeated",
    )
    parser.add_argument(
        "--waivers",
        metavar="FILE",
        help="TOML file of what is put up with: each with rule, networks, reason and the day on which it ends",
    )


class Judge(NamedTuple):
    """Holds documents against policies as the options say."""

    policies: "tuple[Policy, ...]"
    said: "Said"

    @property
    def moments(self) -> tuple[float, ...]:
        """Seconds since 1970: what was sent before one and what came after it must be told apart."""
        days = {day for policy in self.policies for day in policy.days}
        found = {datetime.combine(datetime.fromisoformat(day), time(), UTC).timestamp() for day in days}
        return tuple(
            sorted(found | {datetime.fromisoformat(mark).timestamp() for mark in self.said.marks.values()})
        )

    @property
    def day(self) -> str | None:
        """ISO date of the day by which waivers end; None if there are none, so that no day counts."""
        waived = self.said.waivers or any(policy.waivers for policy in self.policies)
        return self.said.today if waived else None

    def on(self, day: str | None) -> "Judge":
        """The same on another day."""
        return self._replace(said=self.said._replace(today=day or ""))

    def judge(self, document: "Document", shown: "Shown") -> "list[Verdict]":
        """The verdict by each policy, phrased so. Raises UsageError if a market is for a phone that is not there."""
        from phonehome.analysis.policy.judge import judge_policy

        markets = self.said.markets
        known = {
            name
            for phone in document["devices"]
            for name in (phone["label"], phone["id"], *phone["addresses"])
        }
        for name in sorted(markets.keys() - known):
            raise UsageError(
                f"--market {name}={markets[name]}: there is no such phone; there is {', '.join(sorted(known))}"
            )
        return [judge_policy(document, policy, shown=shown, said=self.said) for policy in self.policies]


def judge_of(options: argparse.Namespace) -> Judge:
    """What the options say. Raises UsageError for a wrong policy, market, mark or waiver."""
    from phonehome.analysis.policy.judge import Said
    from phonehome.analysis.policy.rules import PolicyError, load, load_waivers

    given = [options.policy] if isinstance(options.policy, str) else options.policy
    try:
        policies = tuple(load(name) for name in dict.fromkeys(given))
        waivers = load_waivers(options.waivers, policies) if options.waivers else ()
    except PolicyError as error:
        raise UsageError(str(error)) from error
    market, markets = _markets(options.market, policies)
    return Judge(
        policies,
        Said(
            market,
            markets,
            _marks(options.mark, policies),
            waivers,
            _today(),
        ),
    )


def _today() -> str:
    """ISO date, in UTC; by SOURCE_DATE_EPOCH, if that is set."""
    from phonehome.analysis.casefile.record import made

    told = made()
    now = datetime.now(UTC) if told is None else datetime.fromtimestamp(told, UTC)
    return now.date().isoformat()


def _markets(given: Sequence[str], policies: "Sequence[Policy]") -> tuple[str | None, dict[str, str]]:
    """The market of all phones, and of single ones. Raises UsageError."""
    from phonehome.analysis import firmware

    there = {*firmware.markets(), *(code for policy in policies for code in policy.markets)}
    every: str | None = None
    single: dict[str, str] = {}
    for text in given:
        phone, _, code = (part.strip() for part in text.rpartition("="))
        code = code.upper()
        if code not in there:
            raise UsageError(f"--market {text}: known are {', '.join(sorted(there))}")
        known = single.get(phone) if phone else every
        if known not in (None, code):
            raise UsageError(f"--market: {phone or 'all phones'} cannot be {known} and {code}")
        if phone:
            single[phone] = code
        else:
            every = code
    return every, single


def _marks(given: Sequence[str], policies: "Sequence[Policy]") -> dict[str, str]:
    """When marks were, in UTC and whole seconds. Raises UsageError."""
    from phonehome.analysis.knowledge.reading import meant

    there = {name for policy in policies for name in policy.marks}
    found: dict[str, str] = {}
    for text in given:
        name, _, when = (part.strip() for part in text.partition("="))
        if name not in there:
            raise UsageError(f"--mark {text}: no policy has a [[mark]] {name!r}{meant(name, there)}")
        try:
            moment = datetime.fromisoformat(when)
        except ValueError as error:
            raise UsageError(f"--mark {text}: a time is meant, such as 2026-11-26T10:05:00Z") from error
        if moment.tzinfo is None:
            raise UsageError(
                f"--mark {text}: say the time zone: {when}Z is in UTC, {when}+01:00 is an hour ahead"
            )
        told = moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
        if found.setdefault(name, told) != told:
            raise UsageError(f"--mark: {name} cannot be at {found[name]} and {told}")
    return found
