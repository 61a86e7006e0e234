"""What checks have in common."""

import random

import pytest
from stdnum import luhn

from phonehome.analysis.identifiers.rule import passes_luhn


def test_check_digits_as_the_library_has_them() -> None:
    draw = random.Random(1)
    numbers = [f"{draw.randrange(10**15):015}"[: draw.randint(1, 15)] for _ in range(2000)]
    assert [passes_luhn(number) for number in numbers] == [luhn.is_valid(number) for number in numbers]


@pytest.mark.parametrize("text", ["", "a", "12a", "٧٨٩٤٩", " 78949", "²"])
def test_what_is_no_number_has_none(text: str) -> None:
    assert not passes_luhn(text)
