"""What went to each country: how grave, how sure, and which countries are excluded."""

from phonehome.analysis.render import charts, output
from phonehome.analysis.render.page import page
from phonehome.analysis.report.entries import Document
from phonehome.analysis.report.summary import kinds_carried
from tests.reports import device, document, identifier, row


def with_excluded() -> Document:
    evidence = [
        {"kind": "table", "says": "a table says US", "country": "US", "source": "a table", "date": None}
    ]
    near = row(country=None, country_evidence=evidence, excluded_countries=["JP", "US"])
    return document(device(near, row("b.example", country="NO")))


def test_a_country_is_told_by_what_went_there_and_how_surely() -> None:
    clear = row(
        "a.example", encrypted="no", unencrypted=3, identifiers=[identifier(unencrypted=3)], transmissions=3
    )
    check = row(
        "b.example",
        purpose="connectivity-check",
        encrypted="no",
        unencrypted=2,
        country_certainty="uncertain",
    )
    report = document(device(clear, check, row("c.example", "DE", country_certainty="uncertain")))
    china, germany = charts.countries(report, kinds_carried)
    assert (china.code, china.level, china.hosts) == ("CN", "open", 2)
    assert (china.unencrypted, china.routine) == (3, 2)
    assert china.sure == {"likely": 3, "uncertain": 3}
    assert china.parts == {("open", False): 3, ("other", True): 3}
    assert (china.in_doubt, germany.in_doubt) == (False, True)
    view = page(report)
    assert [item.sure for item in view.countries] == ["3 likely, 3 uncertain", "uncertain"]
    assert [[kind for *_, kind in item.bar] for item in view.countries] == [
        ["open", "other unsure"],
        ["other unsure"],
    ]
    # Whether an adequacy decision is missing matters only where something personal went.
    assert [item.neither for item in view.countries] == [True, False]


def test_a_country_that_is_excluded_is_on_the_map_and_said() -> None:
    report = with_excluded()
    (found,) = charts.excluded(report)
    assert (found.code, found.destinations) == ("US", 1)
    view = page(report)
    assert view.excluded == (
        "Named by a table, and excluded because the answer came too soon: the United States (1 destination)."
    )
    assert view.elsewhere == 3
    assert [mark.name for mark in view.wide.marks if not mark.country] == ["United States"]
    said = output.rendered(report, "html").decode()
    assert said.count("<title>United States: excluded, some answered too soon") == 2
    assert view.excluded in said
    assert "3 transmissions to addresses whose country is not known: not on the map." in said
