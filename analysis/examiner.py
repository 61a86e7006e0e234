"""The only way from a Transmission to Evidence: everything that is concluded from it, in one place.

Report, inspect, check, compare, the activation log, the live page, `phonehome.mark` and the content view all go through
an `Examiner`, so that they cannot disagree. It completes names, decodes, recognises and judges, once, and never raises:
a fault of ours costs what one transmission carries, and is counted.
"""

import traceback
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from phonehome.analysis.apps import AppList, with_app
from phonehome.analysis.decoding import Decoder
from phonehome.analysis.decoding.limits import DEFAULT, Limits
from phonehome.analysis.decoding.values import Decoded, Opaque, Value, longer
from phonehome.analysis.devices import listener_of
from phonehome.analysis.identifiers import KnownValues, Recogniser
from phonehome.analysis.identifiers.engine import MAX_FOUND
from phonehome.analysis.identifiers.finding import RANK, Finding
from phonehome.analysis.knowledge import Knowledge, shipped
from phonehome.analysis.knowledge.catalogue import Endpoint
from phonehome.analysis.purposes import UNEXAMINED, Judgement, Outcome, judge, judge_by_looks, outcome
from phonehome.analysis.transmission import NameAnswer, Transmission

_TOO_MANY: Final = f"{MAX_FOUND} identifiers and perhaps more"
MAX_ANSWERS: Final = 200_000
"""Answers of DNS that are remembered of a live session: some 60 MB, and a day of a hundred phones."""
MAX_CANDIDATES: Final = 5
"""Names that an address may have, as far as they are kept."""


class Evidence(NamedTuple):
    """A transmission, and what it shows."""

    transmission: Transmission
    """With its names completed, and the app that sent it."""
    values: tuple[Value, ...]
    opaque: tuple[Opaque, ...]
    """Parts that nothing decoded."""
    findings: tuple[Finding, ...]
    judgement: Judgement
    outcome: Outcome
    fault: str = ""
    """Why what it carries was not read, if that is a fault of ours; else empty."""
    longer: Sequence[Value] = ()
    """Those of the values that are long enough to be an identifier."""

    @property
    def encrypted(self) -> bool | None:
        """Whether it was encrypted on the way; None if nothing tells. What identifiers were read from, without a
        key, was not."""
        sent = self.transmission
        if sent.encrypted is None and any(RANK[found.certainty] >= RANK["likely"] for found in self.findings):
            return False
        return sent.encrypted


class Content(NamedTuple):
    """What a piece of content carries."""

    values: tuple[Value, ...]
    opaque: tuple[Opaque, ...]
    findings: tuple[Finding, ...]


class Options(NamedTuple):
    """How a user wants transmissions to be examined."""

    known: KnownValues | None = None
    """Values that the user said are this phone's."""
    limits: Limits = DEFAULT
    """How far they are decoded."""
    own: tuple[Endpoint, ...] = ()
    """The user's own entries, beside those that come with the program."""
    apps: AppList | None = None
    """What other tools saw of which app contacted whom."""
    moments: tuple[float, ...] = ()
    """As in `Report`."""


_Told = dict[tuple[str, str], list[tuple[float, str]]]
"""Device, and name or address -> what was told of it, by time."""


class Names:
    """The names that DNS gave to the addresses of one capture, for each device on its own: in WireGuard all phones
    have the same address, and what one of them was told says nothing of another."""

    def __init__(self, answers: Iterable[NameAnswer] = ()) -> None:
        self._names: _Told = {}
        self._addresses: _Told = {}
        self._count = 0
        for answer in answers:
            self.add(answer)

    def add(self, answer: NameAnswer) -> None:
        """Takes an answer in."""
        self._count += 1
        device = listener_of(answer.client, answer.proxy_mode)
        for table, key, value in (
            (self._names, answer.address, answer.name),
            (self._addresses, answer.name, answer.address),
        ):
            told = table.setdefault((device, key), [])
            entry = (answer.time, value)
            if not told or told[-1] < entry:
                told.append(entry)
            elif (place := bisect_right(told, entry)) == 0 or told[place - 1] != entry:
                insort(told, entry)

    def bound(self, most: int) -> None:
        """Forgets what was told longest ago, if there were more answers than that; of a session that goes on, few of
        the names of today are of last week."""
        if self._count > most:
            self._count = most // 2
            for table in (self._names, self._addresses):
                _forget(table, most // 2)

    def complete(self, sent: Transmission) -> Transmission:
        """The transmission, with the name that the device had been told for its address, or, where no connection was
        made, with the address that it had been told for the name. Only an answer to the same device from before the
        transmission counts. Where it had been told several names for the address, which one was meant is not known:
        then these are candidates, and the name stays unknown."""
        if sent.protocol == "dns" or not self._names:
            return sent
        device = listener_of(sent.client, sent.proxy_mode)
        if sent.host is None and sent.address is not None:
            told = _before(self._names.get((device, sent.address)), sent.time)
            if len(told) == 1:
                return sent._replace(host=told[0], host_source="dns")
            if told:
                return sent._replace(host_candidates=tuple(told[-MAX_CANDIDATES:]))
        elif sent.address is None and sent.host is not None:
            told = _before(self._addresses.get((device, sent.host)), sent.time)
            if told:
                return sent._replace(address=told[-1], address_source="dns")
        return sent


def _forget(table: _Told, most: int) -> None:
    """Leaves about so many entries, the latest."""
    times = sorted(time for told in table.values() for time, _ in told)
    oldest = times[-most:][0] if times else 0.0
    for key, told in list(table.items()):
        del told[: bisect_left(told, oldest, key=lambda entry: entry[0])]
        if not told:
            del table[key]


def _before(told: list[tuple[float, str]] | None, time: float) -> list[str]:
    """What had been told until then, each once, the latest last."""
    if told is None:
        return []
    end = bisect_right(told, time, key=lambda entry: entry[0])
    return list(dict.fromkeys(value for _, value in reversed(told[:end])))[::-1]


class Examiner:
    """Examines transmissions, one after the other. It owns all that is remembered between them, each memory bounded:
    the Decoder's, the Recogniser's, and the names that DNS gave."""

    def __init__(self, knowledge: Knowledge | None = None, options: Options | None = None) -> None:
        options = options or Options()
        self.knowledge = knowledge = (knowledge or shipped()).with_own(options.own)
        self.names = Names()
        """Of the capture that is being read; whoever begins another replaces it."""
        self.faults: Counter[str] = Counter()
        """Own faults, by what they are: how many transmissions each cost."""
        self.decoder = Decoder(options.limits, knowledge.headers, knowledge.catalogue.declared_positions)
        self.recogniser = Recogniser(options.known)
        self._apps = options.apps

    def learn(self, sent: Transmission) -> None:
        """Takes in what DNS said in this transmission, for those that follow. A source that knows all answers
        beforehand fills `names` instead."""
        for answer in sent.answers:
            self.names.add(answer)
        self.names.bound(MAX_ANSWERS)

    def examine(self, sent: Transmission) -> Evidence:
        """Everything that is concluded from a transmission. Never raises."""
        return self.examine_all((sent,))[0]

    def examine_all(self, batch: Sequence[Transmission]) -> list[Evidence]:
        """The same of each of some transmissions, one stage after the other: a stage that runs many times in a row
        finds its code and its tables in the processor's caches, which makes a sixth of the time of a report."""
        complete = self.names.complete
        decode = self.decoder.decode
        try:
            named = [complete(sent) for sent in batch]
            decoded = [decode(sent) for sent in named]
            return list(map(self._conclude, named, decoded))
        except Exception as error:
            if len(batch) == 1:
                return [self._unexamined(batch[0], error)]
        return [evidence for sent in batch for evidence in self.examine_all((sent,))]

    def examine_content(self, data: bytes, media_type: str, path: tuple[str, ...]) -> Content:
        """What one piece of content carries, such as a reply's body, which no device sent; `path` is what the paths of
        its values begin with. Never raises."""
        try:
            decoded = self.decoder.decode_bytes(data, media_type, path=path)
            return Content(decoded.values, decoded.opaque, self.recogniser.recognise(decoded, received=True))
        except Exception as error:
            self._count(error)
            return Content((), (), ())

    def _conclude(self, sent: Transmission, decoded: Decoded) -> Evidence:
        catalogue = self.knowledge.catalogue
        by_entry = judge(sent, _Keys(decoded.values), catalogue)
        fields = by_entry.entry.fields if by_entry and by_entry.entry else ()
        findings = self.recogniser.recognise(decoded, fields, sent)
        if len(findings) >= MAX_FOUND:  # more were left, or nearly
            decoded = decoded._replace(
                opaque=(*decoded.opaque, Opaque(("identifiers",), 0, "limit", _TOO_MANY))
            )
        judgement = by_entry or judge_by_looks(findings, sent.authority or sent.host, catalogue)
        sent = with_app(sent, decoded.values, self.knowledge.apps, self._apps)
        came = "acknowledged" if judgement.acknowledged else outcome(sent, None)
        # Now, while they are in the processor's cache: a third of what it costs later.
        return Evidence(
            sent, decoded.values, decoded.opaque, findings, judgement, came, "", longer(decoded.values)
        )

    def _unexamined(self, sent: Transmission, error: Exception) -> Evidence:
        """A transmission of which only what was observed is known, because of a fault of ours."""
        return Evidence(sent, (), (), (), UNEXAMINED, outcome(sent, None), self._count(error))

    def _count(self, error: Exception) -> str:
        where = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__} in {where.name}"
        self.faults[fault] += 1
        return fault


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
