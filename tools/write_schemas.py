"""Writes the JSON Schema of each TOML file of knowledge, of policies and of waivers, for editors, from the shapes that
the loader checks them by.

python tools/write_schemas.py
"""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import msgspec

from phonehome.analysis.knowledge import FOLDER, schema
from phonehome.analysis.knowledge.reading import KnowledgeFile
from phonehome.analysis.policy import shapes

TO = FOLDER / "schema"


def schemas() -> dict[str, str]:
    """Name of each file, and what stands in it."""
    return {f"{_name(shape)}.json": _schema(shape) for shape in KnowledgeFile.__subclasses__()}


def _name(shape: type[KnowledgeFile]) -> str:
    return shape.NAME.partition("/")[0].removesuffix(".toml")


def _schema(shape: type[KnowledgeFile]) -> str:
    found = msgspec.json.schema(shape, schema_hook=_special)
    told = dict(_descriptions())
    for name, table in found["$defs"].items():
        for key, its in table.get("properties", {}).items():
            if (text := told.get((name, key))) is not None:
                its["description"] = text
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": shape.NAME, **found}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _special(shape: Any) -> dict[str, Any]:
    if shape is re.Pattern or get_origin(shape) is re.Pattern:
        return {"type": "string", "format": "regex"}
    raise NotImplementedError(shape)


def _descriptions() -> Iterator[tuple[tuple[str, str], str]]:
    """What stands below each key of a table, or of one that it is made from, in the modules of the shapes."""
    told: dict[str, dict[str, str]] = {}
    bodies = [ast.parse(inspect.getsource(module)).body for module in (schema, shapes)]
    for table in (item for body in bodies for item in body):
        if not isinstance(table, ast.ClassDef):
            continue
        own = told[table.name] = {}
        for base in table.bases:
            own.update(told.get(base.id, {}) if isinstance(base, ast.Name) else {})
        for key, below in zip(table.body, table.body[1:], strict=False):
            if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name):
                match below:
                    case ast.Expr(ast.Constant(str() as text)):
                        own[key.target.id] = text
        yield from (((table.name, key), text) for key, text in own.items())


if __name__ == "__main__":
    TO.mkdir(exist_ok=True)
    for name, text in schemas().items():
        Path(TO / name).write_text(text, "utf-8")
