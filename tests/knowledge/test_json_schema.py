"""The JSON Schema for editors: current, and of one mind with the loader."""

import json
import tomllib
from typing import Any

import jsonschema
import pytest

from phonehome.analysis.knowledge import FOLDER
from phonehome.analysis.knowledge.reading import KnowledgeFile
from phonehome.analysis.policy.shapes import WaiverFile
from tests.reports import CAPTURES
from tools.write_schemas import TO, schemas

SHIPPED = [shape for shape in KnowledgeFile.__subclasses__() if shape is not WaiverFile]
"""Shapes of which there are files in the program."""


def test_what_is_written_is_current() -> None:
    assert {path.name: path.read_text("utf-8") for path in TO.iterdir()} == schemas(), (
        "run tools/write_schemas.py"
    )


@pytest.mark.parametrize("shape", SHIPPED, ids=lambda shape: shape.NAME)
def test_the_files_of_the_program_fit_it(shape: type[KnowledgeFile]) -> None:
    name = shape.NAME.partition("/")[0].removesuffix(".toml")
    schema = json.loads((TO / f"{name}.json").read_text("utf-8"))
    files = sorted(FOLDER.glob(shape.NAME)) or sorted(CAPTURES.glob(shape.NAME))
    assert files
    for file in files:
        document: Any = json.loads(json.dumps(tomllib.loads(file.read_text("utf-8")), default=str))
        jsonschema.validate(document, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, "colour": "red"}, schema)


def test_it_tells_an_author_what_a_key_means() -> None:
    table = json.loads((TO / "endpoints.json").read_text("utf-8"))["$defs"]["EndpointTable"]
    assert table["properties"]["owner"]["description"] == "Who runs it, as people would say it."
    assert table["additionalProperties"] is False
