"""Look-ups that leave this machine: names and registries, together, bounded in time, kept on disk.

Only for `--online`: who asks tells the servers that are asked what the phone talks to. Import this module
only then, since it loads the libraries for it.

Strategy: a question is one small job; daemon threads take jobs from a queue until it is empty or the time is
over. The caller waits no longer than that, and a thread that hangs in a slow server cannot hold up the end of
the program. What was answered is written to one JSON file, atomically; a file that cannot be read back is
as good as none. Faults of the network are not kept, so the next run asks again.
"""

import contextlib
import ipaddress
import json
import queue
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from phonehome.analysis import knowledge
from phonehome.analysis.cache import default_cache_dir, write_whole
from phonehome.analysis.places.names import (
    NameAnswers,
    ReverseName,
    look_up_name,
    look_up_reverse,
    resolver,
)
from phonehome.analysis.places.registry import RegistryEntry, look_up_registry

DAY = 86_400.0
CACHE_FORMAT = 1
LARGEST_CACHE = 64 << 20
"""Bytes; a larger file is not read, and is written anew."""

Answer = NameAnswers | ReverseName | RegistryEntry


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of question: what its answers are, and for how long they are kept."""

    answer: type[Answer]
    subject: str
    keep: float
    """Seconds."""


_KINDS: dict[str, _Kind] = {
    "name": _Kind(NameAnswers, "name", 1 * DAY),
    "reverse": _Kind(ReverseName, "address", 7 * DAY),
    "registry": _Kind(RegistryEntry, "address", 30 * DAY),
}

_Question = tuple[str, str]
"""Kind and subject."""


@dataclass(frozen=True, slots=True)
class OnlineResults:
    """What was found out, by address and by name. What is not there was not asked or not answered in time."""

    names: Mapping[str, NameAnswers] = field(default_factory=dict)
    reverse: Mapping[str, ReverseName] = field(default_factory=dict)
    registry: Mapping[str, RegistryEntry] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """Sentences for people."""

    def joined(self, other: "OnlineResults") -> "OnlineResults":
        """What either knows; of both, the other's."""
        return OnlineResults(
            {**self.names, **other.names},
            {**self.reverse, **other.reverse},
            {**self.registry, **other.registry},
            tuple(dict.fromkeys(self.warnings + other.warnings)),
        )


class OnlineLookups:
    """Asks the name system and the registries, with a cache on disk."""

    def __init__(
        self,
        cache_dir: Path | None = None,
        *,
        timeout: float = 5.0,
        total_timeout: float = 30.0,
        workers: int = 16,
        nameservers: Sequence[str] = (),
        port: int = 53,
        opener: urllib.request.OpenerDirector | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`timeout` is for one question, `total_timeout` for one call of `look_up`; in seconds.

        `nameservers` and `port` stand for the system's, `opener` for what opens the registries' URLs.
        """
        self._cache_file = (cache_dir or default_cache_dir()) / "lookups.json"
        self._timeout = timeout
        self._total_timeout = total_timeout
        self._workers = workers
        self._nameservers = tuple(nameservers)
        self._port = port
        self._opener = opener
        self._now = now

    def look_up(self, addresses: Iterable[str], names: Iterable[str]) -> OnlineResults:
        """Looks up each address (reverse name, registry) and each name (aliases, today's addresses).

        Addresses that are not of the public internet, and names that are none, are not asked about. Returns
        within `total_timeout` seconds; never raises for a fault of the network. On Ctrl-C, keeps what there
        is on disk and passes the KeyboardInterrupt on.
        """
        answers = self._read_cache()
        wanted = [
            question for question in dict.fromkeys(_questions(addresses, names)) if question not in answers
        ]
        warnings: list[str] = []
        fresh: dict[_Question, Answer] = {}
        if wanted:
            try:
                warnings += self._ask(wanted, fresh)
            finally:
                answers |= fresh
                warnings += self._write_cache(answers)
        return _results(answers, dict.fromkeys(_questions(addresses, names)), warnings)

    def _ask(self, wanted: list[_Question], fresh: dict[_Question, Answer]) -> list[str]:
        try:
            asks = resolver(self._timeout, self._nameservers, self._port)
        except OSError as error:
            wanted = [question for question in wanted if question[0] == "registry"]
            warnings = [f"Names were not looked up: {error}."]
        else:
            warnings = []
        jobs: queue.SimpleQueue[_Question] = queue.SimpleQueue()
        for question in wanted:
            jobs.put(question)
        done: queue.SimpleQueue[tuple[_Question, Answer]] = queue.SimpleQueue()
        over = threading.Event()

        def work() -> None:
            with contextlib.suppress(queue.Empty):
                while not over.is_set():
                    kind, subject = question = jobs.get_nowait()
                    answer: Answer
                    if kind == "name":
                        answer = look_up_name(subject, asks, self._now)
                    elif kind == "reverse":
                        answer = look_up_reverse(subject, asks, self._now)
                    else:
                        answer = look_up_registry(subject, self._timeout, self._opener, self._now)
                    done.put((question, answer))

        for _ in range(min(self._workers, len(wanted))):
            threading.Thread(target=work, name="phonehome-lookup", daemon=True).start()
        deadline = time.monotonic() + self._total_timeout
        try:
            for _ in wanted:
                question, answer = done.get(timeout=max(0.0, deadline - time.monotonic()))
                fresh[question] = answer
        except queue.Empty:
            missing = len(wanted) - len(fresh)
            warnings.append(
                f"{missing} of {len(wanted)} look-ups had no answer within {self._total_timeout:g} s; "
                "the report is complete without them."
            )
        finally:
            over.set()
        return warnings

    def _read_cache(self) -> dict[_Question, Answer]:
        """What is kept and not too old. A damaged file gives nothing."""
        answers: dict[_Question, Answer] = {}
        try:
            if self._cache_file.stat().st_size > LARGEST_CACHE:
                return answers
            data = json.loads(self._cache_file.read_bytes())
            if data["format"] != CACHE_FORMAT:
                return answers
            entries = [(kind, entry) for kind in _KINDS for entry in data[kind]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return answers
        now = self._now()
        for kind, entry in entries:
            answer = _read_answer(kind, entry)
            if answer is not None and 0 <= now - answer.asked < _KINDS[kind].keep:
                answers[kind, getattr(answer, _KINDS[kind].subject)] = answer
        return answers

    def _write_cache(self, answers: Mapping[_Question, Answer]) -> list[str]:
        data: dict[str, Any] = {"format": CACHE_FORMAT, **{kind: [] for kind in _KINDS}}
        for (kind, _), answer in answers.items():
            if _lasting(answer):
                data[kind].append(asdict(answer))
        try:
            write_whole(self._cache_file, json.dumps(data, ensure_ascii=False).encode())
        except OSError as error:
            reason = error.strerror or str(error)
            folder = self._cache_file.parent
            return [f"The look-ups could not be kept in {folder} ({reason}); the next run asks again."]
        return []


def _questions(addresses: Iterable[str], names: Iterable[str]) -> Iterable[_Question]:
    for name in names:
        if is_public_name(name):
            yield "name", name
    for address in addresses:
        if is_public_address(address):
            yield "reverse", address
            yield "registry", address


def is_public_address(text: str) -> bool:
    """Whether it is an address of the public internet."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    special = knowledge.shipped().addresses.special.get(address)
    return special is None or special.scope == "global"


def is_public_name(name: str) -> bool:
    """Whether the public name system may know it: more than one label, none of the endings that are local."""
    labels = name.rstrip(".").lower().split(".")
    if len(labels) < 2 or not all(labels) or len(name) > 254:
        return False
    if labels[-1].isdigit():  # an address, or nothing
        return False
    local = knowledge.shipped().addresses.local_endings
    return labels[-1] not in local and ".".join(labels[-2:]) not in local


def _lasting(answer: Answer) -> bool:
    """Whether an answer is one, and no fault of the network."""
    if isinstance(answer, NameAnswers):
        return bool(answer.addresses) and not answer.problem
    if isinstance(answer, ReverseName):
        return answer.name is not None
    return not answer.problem


_FITS: dict[object, Callable[[object], bool]] = {
    str: lambda value: isinstance(value, str),
    str | None: lambda value: value is None or isinstance(value, str),
    float: lambda value: isinstance(value, float | int) and not isinstance(value, bool),
    tuple[str, ...]: lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
}
"""Whether a value from JSON fits a field of an answer, by the field's type."""


def _read_answer(kind: str, entry: object) -> Answer | None:
    """An answer as it was written, or None if it is not as it should be."""
    if not isinstance(entry, dict):
        return None
    known = fields(_KINDS[kind].answer)
    if set(entry) != {each.name for each in known}:
        return None
    if not all(_FITS[each.type](entry[each.name]) for each in known):
        return None
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    make: Callable[..., Answer] = _KINDS[kind].answer
    return make(**values)


def _results(
    answers: Mapping[_Question, Answer], asked: Iterable[_Question], warnings: list[str]
) -> OnlineResults:
    names: dict[str, NameAnswers] = {}
    reverse: dict[str, ReverseName] = {}
    registry: dict[str, RegistryEntry] = {}
    for question in asked:
        match answers.get(question):
            case NameAnswers() as answer:
                names[question[1]] = answer
            case ReverseName() as answer:
                reverse[question[1]] = answer
            case RegistryEntry() as answer:
                registry[question[1]] = answer
    return OnlineResults(names, reverse, registry, tuple(warnings))
