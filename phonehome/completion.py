"""`phonehome completion`: what a shell needs to complete commands, options and file names."""

import argparse
from collections.abc import Iterator
from typing import Final

from phonehome.options import EXIT_OK

NAME = "completion"
SUMMARY = "a script with which your shell completes commands, options and file names"
EPILOG = """\
examples, each for good:
  phonehome completion bash > ~/.local/share/bash-completion/completions/phonehome
  phonehome completion zsh > "${fpath[1]}/_phonehome"
  phonehome completion fish > ~/.config/fish/completions/phonehome.fish
  phonehome completion powershell >> $PROFILE

exit status: 0; 2 wrong usage
"""

SHELLS: Final = ("bash", "zsh", "fish", "powershell")
_FILES: Final = ("FILE", "CAPTURE", "CASE.ZIP", "BEFORE", "AFTER")
_FOLDERS: Final = ("DIR",)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("shell", choices=SHELLS, metavar="|".join(SHELLS))


def run(options: argparse.Namespace) -> int:
    """Prints the script."""
    import shtab

    for action in _actions(options.whole):
        if isinstance(action.metavar, str) and action.choices is None:
            first = action.metavar.partition("|")[0]
            if first in _FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif first in _FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    print(shtab.complete(options.whole, options.shell))
    return EXIT_OK


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # argparse has no public way to ask
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
