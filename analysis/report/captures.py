"""What is said of a capture besides its numbers: its phone, its further files, its session in other formats. Pure."""

from typing import Final

from phonehome.analysis.report.entries import CaptureEntry, DeviceEntry
from phonehome.analysis.report.summary import number_of
from phonehome.analysis.sources.source import Said

MAX_FILES: Final = 100
"""Files of a capture that are listed for people; JSON has all."""


def card_words(device: DeviceEntry) -> str:
    """Whose network card a device has; empty if nothing tells."""
    card = device.get("card")
    return f"network card: {card}" if card else ""


def capture_lines(capture: CaptureEntry) -> list[str]:
    """Lines about a capture, for people."""
    more = capture.get("continued", [])
    lines = []
    if said := capture.get("phone"):
        phone = Said(said["by"], said["maker"], said["model"], said["system"], said["build"]).phone
        lines.append(f"{said['by']}, of the phone: {phone or 'nothing'}")
    if others := capture.get("sessions"):
        lines.append(
            f"the same session as {', '.join(others)}: {number_of(capture['repeated'], 'exchange')} in both, "
            "counted there"
        )
    if more:
        lines.append(f"goes on in {number_of(len(more), 'file')}, read as one capture with it:")
        lines += [f"{file['path']}, SHA-256 {file['sha256']}" for file in more[:MAX_FILES]]
        if len(more) > MAX_FILES:
            lines.append(f"and {len(more) - MAX_FILES:,} more")
    return lines
