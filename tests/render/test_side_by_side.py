"""The comparison as text, JSON and a page."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from phonehome.analysis.compare.changes import compare
from phonehome.analysis.render.side_by_side import MAX_ROWS, render
from tests.reports import AFFECTED, FIXED, device, document, row, sample

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202egpj.example"


class Elements(HTMLParser):
    """Which elements a page has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def hostile() -> str:
    old, new = device(label=HOSTILE), device(row(HOSTILE), label=HOSTILE)
    return render(compare(document(old), document(new)), "html")


def test_the_text_says_what_changed() -> None:
    text = render(compare(sample(AFFECTED), sample(FIXED)), "text")
    assert "* Nokia 7 plus (10.42.0.23): The fix works" in text
    assert "  GONE    zzhc.vnet.cn: Activation and registration" in text
    assert (
        "10 sent, 4 tried (12,194 bytes) to China (likely), AS4134 Chinanet, unencrypted, with IMEI" in text
    )
    assert "17 more destinations as before" in text


def test_what_is_as_before_is_counted_only_if_there_is_some() -> None:
    for rows, said in (((), None), ((row("a.example"),), "1 more destination as before")):
        both = document(device(*rows, row("b.example")) if rows else device(*rows))
        after = document(device(*rows))
        for form in ("text", "html"):
            page = render(compare(both, after), form)
            assert "0 more destination" not in page
            assert (said is None) == ("as before" not in page)
            assert said is None or said in page


def test_the_json_is_the_comparison() -> None:
    comparison = compare(sample(AFFECTED), sample(FIXED))
    assert json.loads(render(comparison, "json")) == comparison


def test_captured_text_acts_on_neither_terminal_nor_page() -> None:
    text = render(compare(document(device()), document(device(row(HOSTILE)))), "text")
    assert "\x1b" not in text
    assert "\u202e" not in text
    page = hostile()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert not any(
        attribute.startswith("on") for _, attributes in Elements(page).tags for attribute in attributes
    )


def test_the_page_loads_nothing_and_allows_nothing_else() -> None:
    page = render(compare(sample(AFFECTED), sample(FIXED)), "html")
    elements = Elements(page)
    assert not {"script", "link", "img", "iframe", "object", "form", "a", "base"} & {
        tag for tag, _ in elements.tags
    }
    assert not any({"src", "href", "style"} & attributes.keys() for _, attributes in elements.tags)
    policy = next(attributes["content"] for _, attributes in elements.tags if attributes.get("http-equiv"))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style[1].replace("url(#hatch)", "")
    assert "The fix works, as far as these captures show" in page


def test_what_is_left_out_is_counted() -> None:
    rows = [row(f"h{number}.example") for number in range(MAX_ROWS + 5)]
    comparison = compare(document(device()), document(device(*rows)))
    assert "and 5 more, which JSON has" in render(comparison, "text")
    page = render(comparison, "html")
    assert "5 more destinations are not shown here" in page
    assert page.count("<tr>") == MAX_ROWS + 1
