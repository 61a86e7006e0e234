"""Makes the document and writes it in one of the formats."""

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from phonehome.analysis.devices import DeviceNames
from phonehome.analysis.knowledge import Knowledge, shipped
from phonehome.analysis.pipeline import Reading
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.render.formats import BINARY
from phonehome.analysis.report.document import Context, document
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.located import Vantage


def make_document(
    reading: Reading,
    database: LocationDatabase,
    names: DeviceNames,
    *,
    online: Any = None,
    at: Mapping[str, Vantage] | None = None,
    knowledge: Knowledge | None = None,
) -> Document:
    """The document of what was read; nothing in it is masked yet."""
    return document(
        reading.report, context_of(reading, database, names, online=online, at=at, knowledge=knowledge)
    )


def context_of(
    reading: Reading,
    database: LocationDatabase,
    names: DeviceNames,
    *,
    online: Any = None,
    at: Mapping[str, Vantage] | None = None,
    knowledge: Knowledge | None = None,
) -> Context:
    """What a document needs besides the totals."""
    return Context(
        catalogue=(knowledge or shipped()).catalogue,
        locate=database.locate,
        tables=[
            {
                "name": table.name,
                "date": table.date,
                "licence": table.licence,
                "credit": table.credit,
                "link": table.link,
            }
            for table in database.sources()
        ],
        names=names,
        files=reading.files,
        errors=reading.errors,
        copies=reading.copies,
        age_warning=database.age_warning,
        at=at or {},
        online=online,
    )


def show(report: Document, format_: str) -> None:
    """Writes to standard output."""
    if format_ in BINARY:
        sys.stdout.buffer.write(rendered(report, format_))
        return
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal that cannot show a character gets an escape, not a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    _writer(format_)(report, sys.stdout)


def _writer(format_: str) -> Callable[[Document, TextIO], None]:
    module = import_module(f"phonehome.analysis.render.{format_}")
    write: Callable[[Document, TextIO], None] = module.write
    return write


def rendered(report: Document, format_: str) -> bytes:
    """The report in that format; text as UTF-8."""
    if format_ in BINARY:
        data = io.BytesIO()
        import_module(f"phonehome.analysis.render.{format_}").write(report, data)
        return data.getvalue()
    text = io.StringIO()
    _writer(format_)(report, text)
    return text.getvalue().encode("utf-8", "backslashreplace")


def save(report: Document, format_: str, path: str) -> None:
    """Writes the report to a file, as `save_text`. Raises OSError."""
    save_bytes(rendered(report, format_), path)


def save_text(text: str, path: str) -> None:
    """Writes a file of UTF-8, as `save_bytes`. Raises OSError."""
    save_bytes(text.encode("utf-8", "backslashreplace"), path)


def save_bytes(data: bytes, path: str) -> None:
    """Writes a file that only its owner can read, whole or not at all. Raises OSError."""
    save_pieces((data,), path)


def save_pieces(pieces: Iterable[bytes], path: str) -> None:
    """The same of bytes that come one after the other, and need not be in memory together. Raises OSError."""
    with replacing(path) as file:
        file.writelines(pieces)


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A file to write, that only its owner can read; it is in place if all goes well, and else nothing is changed.
    Raises OSError."""
    target = Path(path)
    if target.exists() and not target.is_file():  # /dev/stdout, a named pipe
        with target.open("wb") as file:
            yield file
        return
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
    try:
        with open(descriptor, "wb") as file:
            yield file
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
