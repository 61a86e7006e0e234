"""How much of what others list has a purpose here. The lists are extracts, hosts only: what is in them are facts.

Nothing is to be guessed to meet a share: an entry says what a reference says, and the rest stays unclassified."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from phonehome.analysis.knowledge.catalogue import catalogue
from phonehome.analysis.transmission import Transmission

LISTS = Path(__file__).parent / "lists"
AT_MOST = {
    "duckduckgo-app": 0.07,
    "exodus": 0.12,
    "nextdns": 0.06,
    "hagezi-amazon": 0.10,
    "hagezi-apple": 0.14,
    "hagezi-huawei": 0.10,
    "hagezi-oppo-realme": 0.12,
    "hagezi-samsung": 0.24,
    "hagezi-tiktok": 0.14,
    "hagezi-vivo": 0.14,
    "hagezi-winoffice": 0.18,
    "hagezi-xiaomi": 0.24,
    "trackhar": 0.01,
    # What nobody looked at while writing entries: mostly hosts of single apps. It must not get worse.
    "adguard-mobile-spyware": 0.75,
}
"""Share of a list that may be without a purpose."""


def known(host: str, path: str = "/") -> bool:
    """Whether what is sent there has a purpose by its host."""
    for method in ("POST", "GET"):
        sent = Transmission(time=0.0, host=host, port=443, encrypted=True, path=path, method=method)
        entry = catalogue().find(sent, ())
        if entry is not None and entry.hosts:
            return True
    return False


def unclassified(name: str) -> tuple[list[str], int]:
    """What has no purpose, and how many there are."""
    lines = [
        line for line in (LISTS / f"{name}.txt").read_text("utf-8").split("\n") if line and line[0] != "#"
    ]
    without = []
    for line in lines:
        if "://" in line:
            parts = urlsplit(line)
            found = known(parts.hostname or "", parts.path or "/")
        else:
            # A list that names a firm's whole domain means what is below it.
            found = known(line) or (line.count(".") == 1 and known(f"x.{line}"))
        if not found:
            without.append(line)
    return without, len(lines)


@pytest.mark.parametrize("name", sorted(AT_MOST))
def test_most_of_each_list_has_a_purpose(name: str) -> None:
    without, every = unclassified(name)
    assert every >= 40
    assert len(without) / every <= AT_MOST[name], f"{len(without)} of {every}: {' '.join(without)}"


def test_each_list_is_held_to_a_share_and_says_where_it_is_from() -> None:
    assert {path.stem for path in LISTS.iterdir()} == set(AT_MOST)
    for path in LISTS.iterdir():
        source, taken = path.read_text("utf-8").split("\n")[:2]
        assert "github.com/" in source, path
        assert taken.startswith("# 20"), path


def test_what_the_names_of_hosts_look_like_tells_a_third_of_the_rest() -> None:
    without, every = unclassified("adguard-mobile-spyware")
    left = [host for host in without if catalogue().by_name(host) is None]
    assert len(left) / every <= 0.60, left


def test_a_host_that_nobody_knows_has_none() -> None:
    assert not known("host.invalid")
    assert not known("www.apple.com")
    assert not known("www.samsung.com")
