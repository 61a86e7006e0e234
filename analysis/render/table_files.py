"""Tables as files: CSV, JSON lines, Parquet.

- CSV: RFC 4180, UTF-8, a header line; null is an empty cell, a list has `; ` between its items.
- JSON lines: names of the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs) where it has one, else
  `phonehome.TABLE.COLUMN`, as has a country that is uncertain; what is null is not there. Transmissions have
  `message`, `datetime` and `timestamp_desc` as well, so that Timesketch takes them
  (https://timesketch.org/guides/user/import-from-json-csv/).
- Parquet: the names as they are, typed, in groups of rows; needs `pyarrow`.
"""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from phonehome.analysis.render.escape import csv_cell, printable
from phonehome.analysis.render.tables import TABLES, Row

FORMATS: Final = ("csv", "jsonl", "parquet")
ECS_VERSION: Final = "8.17.0"
GROUP: Final = 50_000
"""Rows of a Parquet file that stand together, and are in memory."""

SURE: Final = ("certain", "likely")

Write = Callable[[Iterable[Row]], None]


class MissingLibraryError(Exception):
    """A format needs a library that is not installed; the message says how to get it."""


@contextmanager
def tables(folder: Path, format_: str) -> Iterator[Mapping[str, Write]]:
    """What takes the rows of each table. The files appear in the folder, each readable by its owner only, when all
    are whole; if anything fails, those of before stay. Raises OSError and MissingLibraryError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".export-", dir=folder))  # mode 0700
    try:
        opened = {name: _OPENERS[format_](made / f"{name}.{format_}", name) for name in TABLES}
        with _all(opened) as writers:
            yield writers
        for file in sorted(made.iterdir()):
            file.chmod(0o600)
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _all(opened: Mapping[str, AbstractContextManager[Write]]) -> Iterator[dict[str, Write]]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield {name: stack.enter_context(manager) for name, manager in opened.items()}


@contextmanager
def _csv(path: Path, table: str) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        names = [column.name for column in TABLES[table]]
        writer.writerow(names)

        def write(rows: Iterable[Row]) -> None:
            writer.writerows([_cell(row[name]) for name in names] for row in rows)

        yield write


def _cell(item: Any) -> Any:
    if isinstance(item, list):
        return csv_cell("; ".join(map(str, item)))
    if isinstance(item, bool):
        return "true" if item else "false"
    return csv_cell(item) if isinstance(item, str) else item


@contextmanager
def _jsonl(path: Path, table: str) -> Iterator[Write]:
    names = {column.name: column.ecs or f"phonehome.{table}.{column.name}" for column in TABLES[table]}
    common = {"ecs.version": ECS_VERSION, "event.dataset": f"phonehome.{table}"}
    with path.open("w", encoding="ascii") as file:

        def write(rows: Iterable[Row]) -> None:
            for row in rows:
                line = {names[name]: item for name, item in row.items() if item not in (None, [])}
                if row.get("country_certainty") not in SURE and names.get("country") in line:
                    # Who reads the field of the schema does not see that it is in doubt.
                    line[f"phonehome.{table}.country"] = line.pop(names["country"])
                if table == "transmissions":
                    line |= _event(row)
                file.write(json.dumps(common | line) + "\n")

        yield write


def _event(row: Row) -> dict[str, str]:
    """What a time line shows of a transmission."""
    doubt = "" if row["country_certainty"] in SURE else ", which is not certain"
    where = f" in {row['country']}{doubt}" if row["country"] else ", country not known"
    how = {True: "encrypted", False: "unencrypted", None: "not known whether encrypted"}[row["encrypted"]]
    carried = f", with {', '.join(row['identifiers'])}" if row["identifiers"] else ""
    to = row["host"] or row["address"] or "an address that is not known"
    return {
        "message": printable(
            f"{row['device']} to {to}{where}: {row['purpose']}, {how}, {row['outcome']}{carried}"
        ),
        # A time that was not recorded is the beginning of time there.
        "datetime": row["time"] or "1970-01-01T00:00:00Z",
        "timestamp_desc": "Sent by the phone" if row["time"] else "Not a time",
    }


@contextmanager
def _parquet(path: Path, table: str) -> Iterator[Write]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingLibraryError(
            'Parquet needs pyarrow, which is not installed: pip install "phonehome[parquet]"'
        ) from error
    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "seconds": pa.float64(),
        "truth": pa.bool_(),
        "time": pa.timestamp("us", "UTC"),
        "texts": pa.list_(pa.string()),
    }
    columns = TABLES[table]
    schema = pa.schema([pa.field(column.name, types[column.type]) for column in columns])
    waiting: list[Row] = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:

        def flush() -> None:
            if not waiting:
                return
            arrays = [
                pa.array(_typed([row[column.name] for row in waiting], column.type), types[column.type])
                for column in columns
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            waiting.clear()

        def write(rows: Iterable[Row]) -> None:
            for row in rows:
                waiting.append(row)
                if len(waiting) >= GROUP:
                    flush()

        yield write
        flush()


def _typed(items: Sequence[Any], type_: str) -> list[Any]:
    from datetime import datetime

    if type_ == "time":
        return [datetime.fromisoformat(item) if item else None for item in items]
    if type_ == "text":
        # A lone surrogate, which a capture can hold, is no UTF-8.
        return [item and _encodable(item) for item in items]
    if type_ == "texts":
        return [item and list(map(_encodable, item)) for item in items]
    return list(items)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


_OPENERS: Final[Mapping[str, Callable[[Path, str], AbstractContextManager[Write]]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
