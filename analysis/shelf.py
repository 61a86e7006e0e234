"""Totals of many captures, on disk while a report for each phone is made: memory holds what tells phones apart."""

import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from phonehome.analysis.knowledge.identifiers import Kind
from phonehome.analysis.report.model import AtAddress, Destination, Device, Report
from phonehome.analysis.report.phones import is_own
from phonehome.analysis.state import packed, unpacked

_NOWHERE = Destination(None, "", None)


class Shelf:
    """The totals of each capture, in a file that has no name and goes away with the process."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="phonehome-")  # noqa: SIM115 - it is closed with the shelf
        self._at: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, path: str, report: Report) -> None:
        """Takes the totals of a capture, in place of those that it had. Raises OSError."""
        data = packed(report)
        self._at[path] = self._file.seek(0, 2), len(data)
        self._file.write(data)

    def get(self, path: str) -> Report:
        """The totals of a capture."""
        start, length = self._at[path]
        self._file.seek(start)
        report: Report = unpacked(self._file.read(length))
        return report


def outline(device: Device, kinds: Mapping[str, Kind]) -> Device:
    """What tells a device from others, and nothing of what it did."""
    own = {
        finding: seen
        for by_address in device.destinations.values()
        for at in by_address.values()
        for finding, seen in at.identifiers.items()
        if is_own(finding, kinds)
    }
    addresses: dict[str | None, AtAddress] = {None: AtAddress(identifiers=own)}
    destinations = {_NOWHERE: addresses} if own else {}
    others = set(sorted(device.others)[:1])
    return Device(device.id, device.facts, device.addresses, destinations, others=others)
