"""`phonehome addons`: where each addon lies, for mitmproxy's `-s`.

What an addon does, and how it is started, stands at the head of its module, and is read from there: the addons
themselves are not imported.
"""

import argparse
import ast
from pathlib import Path
from typing import NamedTuple

from phonehome.options import EXIT_OK, UsageError

NAME = "addons"
SUMMARY = "where the addons are, to load them into mitmproxy"
EPILOG = """\
examples:
  phonehome addons                                     each addon, its path, and how to load it
  mitmdump -s "$(phonehome addons activation_log)" --set phonehome_activation_log=activation.jsonl

mitmdump, mitmweb and mitmproxy have to be those of the Python environment that phonehome is installed in.
`phonehome proxy` loads what it needs by itself.

exit status: 0 all is printed; 2 there is no addon of this name
"""


class Addon(NamedTuple):
    """A module that mitmproxy can load."""

    path: Path
    summary: str
    """Its first line."""
    example: str
    """How it is started, wherever it lies."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "name", nargs="?", metavar="ADDON", help="print the path of this one, and nothing else"
    )


def run(options: argparse.Namespace) -> int:
    """Prints."""
    found = addons()
    if options.name is None:
        print("\n\n".join(f"{one.path}\n  {one.summary}\n  {one.example}" for one in found.values()))
    elif options.name in found:
        print(found[options.name].path)
    else:
        raise UsageError(f"there is no addon {options.name!r}; there are {', '.join(found)}")
    return EXIT_OK


def addons() -> dict[str, Addon]:
    """The addons, by name."""
    import phonehome.addons

    found = {}
    for folder in phonehome.addons.__path__:
        for path in sorted(Path(folder).glob("*.py")):
            module = ast.parse(path.read_text(encoding="utf-8"))
            if any(isinstance(node, ast.Assign) and _names(node) == ["addons"] for node in module.body):
                summary, _, more = (ast.get_docstring(module) or "").partition("\n")
                example = next(
                    (line for line in more.splitlines() if line.startswith("    mitm")), ""
                ).strip()
                inserted = f'"$(phonehome addons {path.stem})"'
                found[path.stem] = Addon(path, summary, example.replace(f"addons/{path.name}", inserted))
    return found


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]
