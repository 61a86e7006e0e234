"""A copy of what the program knows, to put mistakes into."""

from pathlib import Path

from phonehome.analysis.knowledge import FOLDER


def copied(to: Path, *without: str) -> Path:
    """The folder of knowledge, with links to all its files but some."""
    to.mkdir(exist_ok=True)
    for path in FOLDER.iterdir():
        if path.name not in without and not (to / path.name).exists():
            (to / path.name).symlink_to(path)
    return to
