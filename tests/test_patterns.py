"""No regular expression takes long, whatever stands in a capture: steps grow with the text, and no faster.

All expressions of the package are found: in its modules, in what the modules hold, and in what is made of the
knowledge files.
"""

import ast
import functools
import importlib
import inspect
import pkgutil
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import phonehome
from phonehome.analysis.knowledge.catalogue import _pattern as path_pattern
from phonehome.analysis.knowledge.catalogue import catalogue
from tests.regex_steps import Matcher, TooManySteps, characters, loops, sample

METHODS = {"match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split"}
LENGTH = 1000
"""Characters of a hostile text: many times the usual bound of a loop."""
SHORT = 150
"""Characters of one that is tried before it: what takes few steps there is not tried at length."""
TRIED = 12
"""Of what takes many steps there, how many are tried at length, the worst first."""
FEW = 0.04
"""Steps for each character of a text, for each of its characters, below which nothing need be asked."""
SCANS = {"findall", "finditer", "sub", "subn", "split"}
"""Methods that go on behind what they found: all alike, and no fewer steps than `search` or `match` on a text."""
SHARES = 6
"""Tests that the expressions are divided among, so that all cores help."""
MOST = 400
"""Steps for each character: those of a loop with a bound, tried at each place. One without takes 500 and more."""

FAMILIES = (
    "a", "A", "0", "f", " ", "\t", "\n", "=", "-", "_", ".", "/", "+", "%", ",", "[", "(", '"', "é",
    "aA", "Aa", "a.", "a-", "a0", "0a", "a ", "a=", "a&", "a=&", "a\t", "1.000 ", "1.000,", "0:", "00:", "a@", "a@a.",
    "%41", "[]", "[a]", "a,", "/a", "a/", "\\a", '\\"', '"a":"\\',
)  # fmt: skip
HEADS = ("", "a", "http://a?", "eyJ", "1.000", "a=", "{", "a@", "3:", '"a": "')
ENDS = ("", "!", "\n", "\0", " !", "a")


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(phonehome.__path__, "phonehome."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


@functools.cache
def sources() -> list[tuple[str, ast.Module]]:
    return [(module.__name__, ast.parse(Path(module.__file__).read_text("utf-8"))) for module in modules()]


def methods_used() -> dict[str, set[str]]:
    """Methods that are called on what is called so: `MODULE.NAME`, or `NAME` alone if it is no module's own."""
    used: dict[str, set[str]] = defaultdict(set)
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                if isinstance(node.value, ast.Name):
                    used[f"{name}.{node.value.id}"].add(node.attr)
                    used[node.value.id].add(node.attr)
                elif isinstance(node.value, ast.Attribute):
                    used[node.value.attr].add(node.attr)
    return used


def walk(item: Any, name: str, seen: dict[int, Any]) -> Iterator[tuple[str, re.Pattern[Any], str | None]]:
    """Expressions in an object, each with the name it goes by and the method that it is bound to."""
    if id(item) in seen:
        return
    seen[id(item)] = item
    if isinstance(item, re.Pattern):
        yield name, item, None
        del seen[id(item)]
    elif isinstance(getattr(item, "__self__", None), re.Pattern):
        yield name, item.__self__, item.__name__
    elif isinstance(item, dict):
        for key, value in item.items():
            yield from walk(key, name, seen)
            yield from walk(value, name, seen)
    elif type(item) in (list, tuple, set, frozenset):
        for value in item:
            yield from walk(value, name, seen)
    elif isinstance(item, functools.partial):
        yield from walk((item.func, item.args, item.keywords), name, seen)
    elif isinstance(item, functools._lru_cache_wrapper):
        if not inspect.signature(item).parameters:  # what is loaded once
            yield from walk(item(), name, seen)
    elif getattr(type(item), "__module__", "").startswith("phonehome") or (
        isinstance(item, type) and item.__module__.startswith("phonehome")
    ):
        fields = set(getattr(item, "__dict__", ()))
        for kind in item.__mro__ if isinstance(item, type) else type(item).__mro__:
            for named in (kind.__dict__.get("__slots__"), kind.__dict__.get("_fields")):
                fields.update(
                    named if isinstance(named, tuple) else (named,) if isinstance(named, str) else ()
                )
        for field in sorted(fields):
            if isinstance(item, type) and field not in item.__dict__:
                continue
            try:
                value = getattr(item, field)
            except Exception:  # a slot that is empty
                continue
            yield from walk(value, field, seen)


Found = dict[tuple[str | bytes, int, str], tuple[str, re.Pattern[Any]]]
"""Where an expression stands, by its text, flags and the method that is called."""


@functools.cache
def found() -> Found:
    """Each expression and method, with where it stands."""
    all_found: Found = {}
    used = methods_used()
    for module in modules():
        seen: dict[int, Any] = {}
        for name, item in list(vars(module).items()):
            for called, pattern, bound in walk(item, name, seen):
                asked = {bound} if bound else used[f"{module.__name__}.{called}"] or used[called]
                for method in sorted(asked or {"search", "fullmatch"}):
                    where = f"{module.__name__}.{called}"
                    all_found.setdefault((pattern.pattern, pattern.flags, str(method)), (where, pattern))
    # Made when they are asked for, and of few shapes: what stands between marks is text.
    shapes = {re.sub(r"[^*/]+", "a", entry.path) for entry in catalogue().endpoints.values() if entry.path}
    for shape in sorted(shapes):
        pattern = path_pattern(shape)
        where = "phonehome.analysis.knowledge.catalogue._path"
        all_found.setdefault((pattern.pattern, pattern.flags, "match"), (where, pattern))
    for module_name, tree in sources():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.func.attr in METHODS
                and isinstance(node.args[0], ast.Constant)
            ):
                pattern = re.compile(node.args[0].value)
                where = f"{module_name}:{node.lineno}"
                all_found.setdefault((pattern.pattern, pattern.flags, node.func.attr), (where, pattern))
    return all_found


def worth_trying() -> Found:
    """Without what another method of the same expression takes at least the same steps for."""
    methods: dict[tuple[str | bytes, int], set[str]] = defaultdict(set)
    for text, flags, method in found():
        methods[text, flags].add(method)
    worth: Found = {}
    for (text, flags, method), value in found().items():
        others = methods[text, flags]
        if others & SCANS:
            if method in ("search", "match"):
                continue
            method = "finditer" if method in SCANS else method
        elif method == "match" and "search" in others:
            continue
        worth[text, flags, method] = value
    return worth


class Hostile(NamedTuple):
    """A text that is made to take long, of any length."""

    head: str
    pump: str
    end: str

    def of(self, pattern: re.Pattern[Any], length: int) -> Any:
        text = (
            self.head
            + self.pump * (max(length - len(self.head) - len(self.end), 1) // len(self.pump))
            + self.end
        )
        return text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text


def hostile(pattern: re.Pattern[Any]) -> Iterator[Hostile]:
    """From the expression's own loops, and such as always take long."""
    chance = random.Random(str(pattern.pattern))
    texts: dict[Hostile, None] = {}

    def add(head: str, pump: str, end: str) -> None:
        if pump:
            texts[Hostile(head, pump, end)] = None

    tree = Matcher(pattern).tree
    every = characters(tree)[:24]
    for before, body in loops(tree):
        own = characters(body)[:24]
        for pump in (sample(body), *own, *(chance.choice(own) + chance.choice(own) for _ in range(6) if own)):
            for head in ("", before):
                for end in ("!", ""):
                    add(head, pump, end)
        for _ in range(6):
            pump = "".join(chance.choices(every or "a", k=chance.randint(2, 4)))
            add(before, pump, chance.choice(ENDS))
            add(before, sample(body) + pump, chance.choice(ENDS))
    for family in FAMILIES:
        for head in ("", chance.choice(HEADS)):
            add(head, family, chance.choice(ENDS))
    yield from texts


def is_linear(matcher: Matcher, text: Any, method: str) -> bool:
    """Whether the steps are few, or at least grow as the text does when it becomes twice as long."""
    try:
        if matcher.run(text, method, MOST * len(text)) <= FEW * len(text) ** 2:
            return True
        middle = len(text) // 2
        return matcher.steps < 2.8 * matcher.run(
            text[: middle // 2] + text[-(middle - middle // 2) :], method, matcher.steps
        )
    except TooManySteps:
        return False


def steps(matcher: Matcher, text: Any, method: str) -> int:
    """Of a short text; what grows without bound is beyond any bound there."""
    try:
        return matcher.run(text, method, MOST * len(text))
    except TooManySteps:
        return MOST * len(text)


@pytest.mark.parametrize("share", range(SHARES))
def test_steps_grow_no_faster_than_the_text(share: int) -> None:
    for (_, _, method), (where, pattern) in list(worth_trying().items())[share::SHARES]:
        matcher = Matcher(pattern)
        taken = {one: steps(matcher, one.of(pattern, SHORT), method) for one in hostile(pattern)}
        worst = sorted((one for one in taken if taken[one] > FEW * SHORT**2), key=lambda one: -taken[one])
        for one in worst[:TRIED]:
            text = one.of(pattern, LENGTH)
            few = taken[one] < MOST * SHORT and is_linear(matcher, text, method)
            assert few, f"{where}: {pattern.pattern!r}.{method}: {text[:60]!r} ... {text[-10:]!r}"


def test_each_expression_of_the_source_is_found() -> None:
    """Those that are written out; what is put together at run time stands in the module or in what it holds."""
    tried = {key[0] for key in found()}
    missing = []
    count = 0
    for name, tree in sources():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "re.compile"
                and isinstance(node.args[0], ast.Constant)
            ):
                count += 1
                if node.args[0].value not in tried:
                    missing.append(f"{name}:{node.lineno}")
    assert missing == []
    assert count > 50


def test_expressions_of_the_knowledge_are_found() -> None:
    where = {place.rpartition(".")[2] for place, _ in found().values()}
    assert {"shape", "alone", "_path"} <= where, where


@pytest.mark.parametrize(
    ("pattern", "text", "method"),
    [
        (r"(?:[A-Z]?[a-z]+[-_.]?)+", "a" * 40 + "0", "fullmatch"),
        (r"[\w\s]+={0,2}\s*\Z", "a" + "\t" * 2000 + "!", "match"),
        (r"[a-z]+=", "a" * 2000, "search"),
    ],
)
def test_the_count_tells_what_takes_long(pattern: str, text: str, method: str) -> None:
    with pytest.raises(TooManySteps):
        Matcher(re.compile(pattern)).run(text, method, MOST * len(text))


@pytest.mark.parametrize("method", ["match", "fullmatch", "search"])
def test_the_count_is_of_a_matcher_that_agrees_with_re(method: str) -> None:
    """On what is counted, both find the same end."""
    pattern = re.compile(r"(?:(?P<a>[a-c]{1,3}?)|b++c)(?>x|xy)?(?=y|\Z)(?<!b)(?P=a)?z*")
    chance = random.Random(7)
    matcher = Matcher(pattern)
    for _ in range(500):
        text = "".join(chance.choices("abcxyz", k=chance.randint(0, 9)))
        matcher.run(text, method, 1_000_000)
        expected = getattr(pattern, method)(text)
        assert matcher.end == (expected.end() if expected else -1), text
