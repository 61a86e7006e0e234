"""What one transmission shows: everything that is concluded from it, in one place.

The report, the addon and whoever else asks go through `examine`, so that they cannot disagree.
"""

from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from phonehome.analysis.decoding import Decoder
from phonehome.analysis.decoding.limits import DEFAULT, Limits
from phonehome.analysis.decoding.values import Decoded, Opaque, Value
from phonehome.analysis.identifiers import KnownValues, recognise
from phonehome.analysis.identifiers.finding import RANK, Finding
from phonehome.analysis.knowledge import shipped
from phonehome.analysis.purposes import Judgement, Outcome, judge, judge_by_looks, outcome
from phonehome.analysis.transmission import NameAnswer, Transmission


class Evidence(NamedTuple):
    """A transmission, and what it shows."""

    transmission: Transmission
    values: tuple[Value, ...]
    opaque: tuple[Opaque, ...]
    """Parts that nothing decoded."""
    findings: tuple[Finding, ...]
    judgement: Judgement
    outcome: Outcome

    @property
    def encrypted(self) -> bool | None:
        """Whether it was encrypted on the way; None if nothing tells. What identifiers were read from, without a
        key, was not."""
        sent = self.transmission
        if sent.encrypted is None and any(RANK[found.certainty] >= RANK["likely"] for found in self.findings):
            return False
        return sent.encrypted


class Names:
    """The names that a capture's own DNS answers give to addresses."""

    def __init__(self, answers: Iterable[NameAnswer] = ()) -> None:
        self._names: dict[tuple[str, str], tuple[list[float], list[str]]] = {}
        self._addresses: dict[tuple[str, str], tuple[list[float], list[str]]] = {}
        for answer in sorted(answers, key=lambda answer: answer.time):
            self.add(answer)

    def add(self, answer: NameAnswer) -> None:
        """Takes an answer in; those of one client come in order of time."""
        for table, key, value in (
            (self._names, answer.address, answer.name),
            (self._addresses, answer.name, answer.address),
        ):
            times, values = table.setdefault((answer.client, key), ([], []))
            if not values or values[-1] != value:
                times.append(answer.time)
                values.append(value)

    def complete(self, sent: Transmission) -> Transmission:
        """The transmission, with the name that the device had been told for its address, or, where no
        connection was made, with the address that it had been told for the name. Only an answer to the
        same device from before the transmission counts."""
        if sent.protocol == "dns" or not self._names:
            return sent
        client = sent.client or ""
        if sent.host is None and sent.address is not None:
            host = _latest(self._names.get((client, sent.address)), sent.time)
            if host is not None:
                return sent._replace(host=host, host_source="dns")
        elif sent.address is None and sent.host is not None:
            address = _latest(self._addresses.get((client, sent.host)), sent.time)
            if address is not None:
                return sent._replace(address=address, address_source="dns")
        return sent


def _latest(known: tuple[list[float], list[str]] | None, time: float) -> str | None:
    if known is None:
        return None
    place = bisect_right(known[0], time)
    return known[1][place - 1] if place else None


class _Keys:
    """The names of decoded values. Few entries of the catalogue ask for one, so the set is made when one does."""

    __slots__ = ("_set", "_values")

    def __init__(self, values: tuple[Value, ...]) -> None:
        self._values = values
        self._set: frozenset[str] | None = None

    def __contains__(self, key: object) -> bool:
        if self._set is None:
            self._set = frozenset([value.key for value in self._values])
        return key in self._set


class Asked(NamedTuple):
    """How a user wants transmissions to be examined."""

    known: KnownValues | None = None
    """Values that the user said are this phone's."""
    limits: Limits = DEFAULT
    """How far they are decoded."""


@lru_cache(maxsize=4)
def decoder(limits: Limits = DEFAULT) -> Decoder:
    """What decodes under these limits, with what the catalogue knows."""
    known = shipped()
    return Decoder(limits, known.headers, known.catalogue.declared_positions())


def examine(sent: Transmission, known: KnownValues | None = None, limits: Limits = DEFAULT) -> Evidence:
    """Everything that is concluded from a transmission; for `known` and `limits` see `Asked`. Pure; raises nothing that
    its content could cause."""
    return _conclude(sent, decoder(limits).decode(sent), known)


def examine_all(
    batch: Iterable[Transmission], known: KnownValues | None = None, limits: Limits = DEFAULT
) -> list[Evidence]:
    """The same of each of some transmissions, one stage after the other: a stage that runs many times in a row
    finds its code and its tables in the processor's caches, which makes a sixth of the time of a report."""
    decode = decoder(limits).decode
    return [_conclude(sent, decoded, known) for sent, decoded in [(sent, decode(sent)) for sent in batch]]


def _conclude(sent: Transmission, decoded: Decoded, known: KnownValues | None) -> Evidence:
    judgement = judge(sent, _Keys(decoded.values), ())
    findings = recognise(decoded, judgement.entry.fields if judgement.entry else (), known, sent)
    if judgement.entry is None:
        # Only what no entry knows is judged by the identifiers in it.
        judgement = judge_by_looks(findings)
    came = "acknowledged" if judgement.acknowledged else outcome(sent, None)
    return Evidence(sent, decoded.values, decoded.opaque, findings, judgement, came)


def unexamined(sent: Transmission) -> Evidence:
    """A transmission of which only what was observed is known."""
    judgement = judge(sent, (), ())
    return Evidence(sent, (), (), (), judgement, outcome(sent, judgement.entry))
