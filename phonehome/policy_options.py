"""What `report` and `check` share: which policy, for phones of which markets."""

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from phonehome.options import UsageError

if TYPE_CHECKING:
    from phonehome.analysis.policy.verdict import Verdict
    from phonehome.analysis.report.entries import Document
    from phonehome.analysis.report.shown import Shown


def add_policy(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Rules to hold the captures against, and the markets that decide which of them apply."""
    parser.add_argument(
        "--policy",
        required=required,
        metavar="FILE|NAME",
        help="rules: a TOML file, or one that comes along: hmd-2019, eea",
    )
    parser.add_argument(
        "--market",
        action="append",
        default=[],
        metavar="CODE|PHONE=CODE",
        help="market that the phones, or one of them (by label, id or address), were made for, such as WW or CN; "
        "default: what build numbers in the traffic say",
    )


def judge_of(options: argparse.Namespace) -> "Callable[[Document, Shown], Verdict]":
    """What holds a document against the policy that the options name, and phrases the answer so. Raises UsageError
    for a wrong policy or market; so does what it returns, if there is no such phone in the document."""
    from phonehome.analysis.policy.judge import judge_policy
    from phonehome.analysis.policy.rules import PolicyError, load

    try:
        policy = load(options.policy)
    except PolicyError as error:
        raise UsageError(str(error)) from error
    market, markets = _markets(options.market)

    def judge(document: "Document", shown: "Shown") -> "Verdict":
        known = {
            name
            for phone in document["devices"]
            for name in (phone["label"], phone["id"], *phone["addresses"])
        }
        for name in sorted(markets.keys() - known):
            raise UsageError(
                f"--market {name}={markets[name]}: there is no such phone; there is {', '.join(sorted(known))}"
            )
        return judge_policy(document, policy, market, markets, shown)

    return judge


def _markets(given: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """The market of all phones, and of single ones. Raises UsageError."""
    from phonehome.analysis import firmware

    every: str | None = None
    single: dict[str, str] = {}
    for text in given:
        phone, _, code = (part.strip() for part in text.rpartition("="))
        code = code.upper()
        if code not in firmware.markets():
            raise UsageError(f"--market {text}: known are {', '.join(sorted(firmware.markets()))}")
        known = single.get(phone) if phone else every
        if known not in (None, code):
            raise UsageError(f"--market: {phone or 'all phones'} cannot be {known} and {code}")
        if phone:
            single[phone] = code
        else:
            every = code
    return every, single
