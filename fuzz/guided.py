"""Fuzzing that is led by coverage: inputs that reach new code are kept and changed further.

    uv run --with atheris python -m fuzz.guided har --seconds 600
    uv run python -m fuzz.guided --replay

A target takes any bytes, and raises if a promise of SECURITY.md is broken: an exception that is no clear line, a fault
that the Examiner caught, markup or control characters in a page, a formula in a table. With Atheris
(https://github.com/google/atheris, libFuzzer for Python) each target runs in a process of its own; without it, or with
`--replay`, what is in the corpus is run once, as the tests do. Inputs that reached something new go to
`fuzz/corpus/TARGET`; of them, those that are small are committed.
"""

import argparse
import csv
import io
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

CORPUS: Final = Path(__file__).with_name("corpus")
LONGEST: Final = 30
"""Seconds for one input, on a machine that does other things as well."""
MEMORY: Final = 1500
"""MiB for the process; instrumented code and the tables take 600 of them."""
LARGEST: Final = 4096
"""Bytes of an input."""


def flows(data: bytes) -> None:
    """A flow file, read in parts as it is as a whole."""
    from fuzz.mutate_flow_files import Mutant, problems

    _none(problems(Mutant(data, None)))


def har(data: bytes) -> None:
    """A HAR file, likewise."""
    from fuzz.mutate_har import Mutant, problems

    _none(problems(Mutant(data, None), _examiner()))


def packets(data: bytes) -> None:
    """pcap and pcapng, packed or not."""
    from phonehome.analysis.sources import CaptureError
    from phonehome.analysis.sources.packets.source import PacketSource

    try:
        source = PacketSource(data, Path("a.pcap"))
        for part in source.plan(1 << 20).parts:
            for sent in source.read(part):
                _examined(sent)
    except CaptureError:
        pass


def decoding(data: bytes) -> None:
    """A body; its first byte chooses what it is said to be."""
    from phonehome.analysis.transmission import Transmission

    kind = KINDS[data[0] % len(KINDS)] if data else ""
    body = data[1:]
    headers = (("Content-Type", kind),) if kind else ()
    path = "/" + body[:200].decode("latin-1")
    _examined(Transmission(1.0, host="a.example", path=path, headers=headers, payloads=(body,)))


def policy(data: bytes) -> None:
    """The text of a policy."""
    from phonehome.analysis.policy.rules import PolicyError, parse

    try:
        parse(data, "a.toml")
    except PolicyError as error:
        _is_clear(str(error))


def catalogue(data: bytes) -> None:
    """The user's own entries of endpoints."""
    from phonehome.analysis.knowledge import KnowledgeError, load

    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(data)
        file.flush()
        try:
            load([Path(file.name)])
        except KnowledgeError as error:
            _is_clear(str(error))


def known(data: bytes) -> None:
    """The user's own values."""
    from phonehome.analysis.identifiers.known import KnownValues, KnownValuesError

    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(data)
        file.flush()
        try:
            KnownValues.load(Path(file.name))
        except KnownValuesError as error:
            _is_clear(str(error))


def page(data: bytes) -> None:
    """Captured text in the page: it acts nowhere."""
    from phonehome.analysis.render import html

    out = io.StringIO()
    html.write(_document(data), out)
    text = out.getvalue()
    assert "<xss" not in text.lower(), "captured text became an element"
    wrong = {character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")}
    assert not wrong - {"\n", "\xad"}, f"control characters: {wrong!r}"


def table(data: bytes) -> None:
    """Captured text in CSV: no formula, and no line of its own."""
    from phonehome.analysis.render import csv as table_of

    out = io.StringIO()
    table_of.write(_document(data), out)
    for line in csv.reader(io.StringIO(out.getvalue())):
        assert len(line) == len(table_of.COLUMNS), "a line that is none"
        assert not any(cell.startswith(tuple("=+-@\t\r")) for cell in line), "a formula"


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    target.__name__: target
    for target in (flows, har, packets, decoding, policy, catalogue, known, page, table)
}
KINDS: Final = (
    *("", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
    *("application/x-protobuf", "application/cbor", "application/msgpack", "text/xml", "application/grpc"),
    *(
        "text/plain; charset=utf-16",
        "application/gzip",
        "application/octet-stream",
        "application/dns-message",
    ),
)


@cache
def _examiner() -> Any:
    from phonehome.analysis.examiner import Examiner

    return Examiner()


def _examined(sent: Any) -> Any:
    evidence = _examiner().examine(sent)
    assert not evidence.fault, evidence.fault
    return evidence


def _none(problems: Any) -> None:
    found = list(problems)
    assert not found, found


def _is_clear(message: str) -> None:
    assert message
    assert all(character.isprintable() or character == "\n" for character in message), message


@cache
def _database() -> Any:
    from phonehome.analysis.places.database import LocationDatabase

    return LocationDatabase.open()


def _document(data: bytes) -> Any:
    """The report of transmissions in which the text stands wherever a stranger may put it."""
    from phonehome.analysis.devices import DeviceNames
    from phonehome.analysis.pipeline import Reading
    from phonehome.analysis.render.masked import masked, masking_of
    from phonehome.analysis.render.output import make_document
    from phonehome.analysis.report.model import Report
    from phonehome.analysis.transmission import App, Reply, Transmission

    text = data.decode("utf-8", "surrogateescape")
    hostile = f"<xss {text}>"
    headers = (("User-Agent", text), (text, hostile), ("X-Android-Package", text))
    report = Report()
    for number, host in enumerate((text, hostile, f"={text}", None)):
        sent = Transmission(
            1.7e9 + number,
            client="10.0.0.1",
            address="192.0.2.1",
            host=host,
            method=text,
            path=f"/{hostile}?imei={text}&a={text}",
            headers=headers,
            payloads=(data, hostile.encode("utf-8", "surrogateescape")),
            reply=Reply(200, "", data, len(data)),
            error=text,
            app=App(text, text, "packet"),
            bytes_sent=1,
        )
        report.add(f"{text}.mitm", _examined(sent))
    reading = Reading(report=report)
    document = make_document(reading, _database(), DeviceNames.parse([]))
    return masked(document, masking_of([document]))


def replay(name: str) -> int:
    """Runs what is in the corpus of a target. Returns how many files that are."""
    files = sorted((CORPUS / name).glob("*"))
    for file in files:
        try:
            TARGETS[name](file.read_bytes())
        except Exception as error:
            error.add_note(f"with {file}")
            raise
    return len(files)


def _guided(name: str, seconds: int, folder: Path) -> None:
    """In a process of its own: until the time is over, or something is wrong. Does not return."""
    import atheris

    with atheris.instrument_imports(include=["phonehome", "fuzz"]):
        import fuzz.guided as instrumented

        for module in MODULES:
            __import__(module)
    instrumented.replay(name)  # reads the tables, which takes seconds
    limits = [
        f"-max_total_time={seconds}",
        f"-timeout={LONGEST}",
        f"-rss_limit_mb={MEMORY}",
        f"-max_len={LARGEST}",
    ]
    kept = CORPUS / name
    arguments = [sys.argv[0], *limits, f"-artifact_prefix={folder}/{name}-", "-verbosity=0"]
    atheris.Setup(
        [*arguments, "-print_final_stats=1", str(folder / name), str(kept)], instrumented.TARGETS[name]
    )
    atheris.Fuzz()


MODULES: Final = (
    *("phonehome.analysis.examiner", "phonehome.analysis.sources.har", "phonehome.analysis.sources.mitm"),
    *("phonehome.analysis.sources.packets.source", "phonehome.analysis.policy.rules"),
    *("phonehome.analysis.render.html", "phonehome.analysis.render.csv", "phonehome.analysis.render.output"),
)


def main() -> int:
    """The command line; 1 if something was wrong."""
    parser = argparse.ArgumentParser(description="Fuzzing that is led by coverage.")
    parser.add_argument("targets", nargs="*", help=f"{', '.join(TARGETS)}; all if none is given")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--replay", action="store_true", help="only run what is in the corpus")
    parser.add_argument("--found", type=Path, help="folder for what is found (default: a temporary one)")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.targets or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"no target is called {', '.join(sorted(unknown))}")
    if options.replay:
        for name in names:
            print(f"{name}: {replay(name)} files of the corpus, none of them wrong")
        return 0
    folder = options.found or Path(tempfile.mkdtemp(prefix="phonehome-fuzz-"))
    if options.in_this_process:
        _guided(names[0], options.seconds, folder)
    failed = []
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "fuzz.guided",
            name,
            f"--seconds={options.seconds}",
            f"--found={folder}",
        ]
        run = subprocess.run([*command, "--in-this-process"], capture_output=True, text=True, check=False)
        stats = dict(line[6:].split(": ") for line in run.stderr.splitlines() if line.startswith("stat::"))
        number = stats.get("number_of_executed_units", "?").strip()
        new = len(list((folder / name).iterdir()))
        print(f"{name}: {number} inputs in {options.seconds} s, {new} reached something new", flush=True)
        if run.returncode:
            failed.append(name)
            print(f"{run.stdout[-3000:]}{run.stderr[-3000:]}", flush=True)
    print(f"what is new: {folder}; wrong: {', '.join(failed) or 'nothing'}")
    return len(failed) > 0


if __name__ == "__main__":
    sys.exit(main())
