"""Networks by their codes, as the library that the table comes with reads it."""

import random

from stdnum import numdb

from phonehome.analysis.knowledge import operators


def test_the_same_as_the_library_says() -> None:
    table = numdb.get("imsi")
    draw = random.Random(1)
    countries = [low for _, low, *_ in table.prefixes]
    numbers = [f"{draw.choice(countries)}{draw.randrange(10**11):011}" for _ in range(3000)]
    numbers += [number[:size] for number in numbers[:1000] for size in (4, 5, 6)]
    numbers += ["", "24", "242", "24201", "000000000000000", "999991234567890", "٢٤٢٠١"]
    for number in numbers:
        parts = [part for part in table.info(number) if part[0]]
        found = operators.network(number)
        if len(parts) < 2:
            assert found is None
            continue
        assert found is not None
        assert (found.country, found.code, found.told) == (parts[0][0], *parts[1])
        assert found.rest == "".join(part for part, _ in parts[2:])


def test_all_names() -> None:
    networks = [told for *_, children in numdb.get("imsi").prefixes for *_, told, _ in children]
    expected = {told[key] for told in networks for key in ("brand", "operator") if key in told}
    assert operators.names() == expected
    assert len(expected) > 1000
