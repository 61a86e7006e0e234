"""The rules of the house that imports can show: who may know whom, and who may touch the world."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "phonehome": ROOT / "phonehome",
    "phonehome.addons": ROOT / "addons",
    "phonehome.analysis": ROOT / "analysis",
}
USERS = ("tests", "benchmarks", "tools", "captures")

WORLD = """
asyncio concurrent ctypes fcntl glob http.client http.server importlib.resources io.open logging maxminddb mitmproxy
multiprocessing os pathlib rich select selectors shutil signal socket socketserver sqlite3 ssl subprocess sys tempfile
threading typst urllib.request webbrowser
"""
"""What reads, writes, waits or shows."""
PURE = """
apps compare decoding devices examiner firmware identifiers makers places.locate places.location places.names
places.prefixes policy purposes report transfers transmission
"""
"""Parts of `phonehome.analysis` that are functions of their arguments."""
TOUCH_THE_WORLD_STILL = {
    "identifiers.known": {"pathlib"},  # reads the user's file of known values
    "policy.rules": {"pathlib"},  # reads files of rules
    "report.saved": {"pathlib"},  # reads a report that was saved
}
"""Exceptions: each is one that should go. One that is gone fails the test, so that it goes from here as well."""


def modules(name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The modules of a package. Links are not followed."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py":
            yield name if path.stem == "__init__" else f"{name}.{path.stem}", path
        elif path.is_dir() and not path.is_symlink() and path.name.isidentifier():
            yield from modules(f"{name}.{path.name}", path)


@cache
def house() -> dict[str, Path]:
    return {name: path for top, folder in FOLDERS.items() for name, path in modules(top, folder)}


def imports(path: Path, *, everywhere: bool) -> Iterator[str]:
    """Full names of what a module imports: all, or only what is imported with it. What is for type checkers only is
    none of it."""
    todo: list[ast.AST] = [ast.parse(path.read_bytes())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            todo += node.orelse
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)


def own(name: str) -> str | None:
    """The module of ours that holds a name; None if it is not ours."""
    while name and name not in house():
        name = name.rpartition(".")[0]
    return name or None


def needs(name: str, *, everywhere: bool) -> set[str]:
    """Modules of ours that a module imports, but for the package that holds all of them."""
    found = {own(each) for each in imports(house()[name], everywhere=everywhere)}
    return {each for each in found if each} - {name, "phonehome"}


def within(name: str, parts: list[str], top: str) -> bool:
    return any(name == f"{top}.{part}" or name.startswith(f"{top}.{part}.") for part in parts)


def test_the_house_is_found() -> None:
    assert {"phonehome.cli", "phonehome.addons.capture", "phonehome.analysis.decoding"} <= set(house())
    assert "phonehome.analysis.transmission" in needs("phonehome.analysis.examiner", everywhere=False)
    assert all(any(within(name, [part], "phonehome.analysis") for name in house()) for part in PURE.split())


def test_analysis_knows_neither_addons_nor_the_command() -> None:
    for name in house():
        if name.startswith("phonehome.analysis"):
            above = {
                each for each in needs(name, everywhere=True) if not each.startswith("phonehome.analysis")
            }
            assert not above, name


def test_addons_do_not_know_the_command() -> None:
    """But for the package itself, by which they find where they are."""
    below = ("phonehome.analysis", "phonehome.addons")
    for name in house():
        if name.startswith("phonehome.addons"):
            above = {each for each in needs(name, everywhere=True) if not each.startswith(below)}
            assert above <= {"phonehome"}, name


def test_no_module_needs_itself() -> None:
    """Neither through others, nor through what a package imports from its own modules."""
    order = TopologicalSorter({name: needs(name, everywhere=False) for name in house()})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_nobody_imports_the_folders_at_the_top() -> None:
    """`analysis` is `phonehome.analysis`: under two names it would be there twice, with two of each class."""
    others = [path for folder in USERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(others) > 100
    for path in [*house().values(), *others]:
        for each in imports(path, everywhere=True):
            assert each.partition(".")[0] not in ("addons", "analysis"), path


def test_the_middle_is_pure() -> None:
    touching: dict[str, set[str]] = {}
    for name, path in house().items():
        if within(name, PURE.split(), "phonehome.analysis"):
            found = {
                part
                for each in imports(path, everywhere=True)
                for part in WORLD.split()
                if each == part or each.startswith(part + ".")
            }
            found |= {
                "open"
                for node in ast.walk(ast.parse(path.read_bytes()))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
            }
            if found:
                touching[name.removeprefix("phonehome.analysis.")] = found
    assert touching == TOUCH_THE_WORLD_STILL
