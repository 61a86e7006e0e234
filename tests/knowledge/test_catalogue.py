"""The loader refuses what is wrong and says so; the program's own entries keep the rules."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phonehome.analysis
from phonehome.analysis.knowledge.catalogue import (
    Catalogue,
    CatalogueError,
    Endpoint,
    catalogue,
    fits,
    load,
    without_compression,
)
from phonehome.analysis.transmission import Transmission

PURPOSES = """
[[purpose]]
id = "activation"
label = "Activation"
phrase = "activation data"
rank = 1
description = "x"
"""
KINDS = """
[[kind]]
id = "imei"
label = "IMEI"
category = "hardware"
mask = "begin"
"""
REFERENCE = 'reference = { title = "Maker documentation, hosts", where = "https://maker.example/hosts" }'
ENTRY = f"""
[[endpoint]]
id = "maker-activation"
owner = "Maker"
purpose = "activation"
hosts = ["a.example"]
{REFERENCE}
"""

ENTRIES = sorted(catalogue().endpoints.values(), key=lambda entry: entry.id)


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Writes a small catalogue around an endpoints file, and loads it."""
    (tmp_path / "endpoints").mkdir()
    (tmp_path / "purposes.toml").write_text(PURPOSES)
    (tmp_path / "identifiers.toml").write_text(KINDS)

    def loaded(*files: str) -> Catalogue:
        for number, text in enumerate(files):
            (tmp_path / "endpoints" / f"{number}.toml").write_text(text)
        return load(tmp_path)

    return loaded


def entry(*lines: str, without: str = "") -> str:
    kept = [line for line in ENTRY.splitlines() if not (without and line.startswith(without))]
    return "\n".join([*kept, *lines])


def sent(url: str, method: str = "POST", **more: object) -> Transmission:
    parts = urlsplit(url)
    encrypted = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port or (443 if encrypted else 80)
    return Transmission(
        time=0.0,
        host=parts.hostname,
        port=port,
        path=path,
        method=method,
        encrypted=encrypted,
        **more,  # type: ignore[arg-type]
    )


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (entry(without="reference"), "'reference' is missing"),
            (entry("", without="reference") + "\nreference = []", "'reference' is missing"),
            (entry('reference = "nowhere"', without="reference"), "'nowhere' is not among the [references]"),
            (
                entry('reference = { title = "x", where = "https://a.example/" }', without="reference"),
                "title",
            ),
            (entry('reference = { title = "two words", where = "web" }', without="reference"), "where"),
            (entry('reference = { title = "two words" }', without="reference"), "'where' must be"),
            (entry('colour = "red"'), "unknown key 'colour'"),
            (entry('purpose = "fun"', without="purpose"), "no purpose 'fun'"),
            (entry('id = "Maker Activation"', without="id"), "an id is lower-case"),
            (entry('hosts = ["*example.com"]', without="hosts"), "host '*example.com'"),
            (entry('hosts = ["A.example"]', without="hosts"), "lower case"),
            (entry('hosts = ["a.*.example"]', without="hosts"), "*. before one"),
            (entry('hosts = [""]', without="hosts"), "none of them empty"),
            (entry(without="hosts"), "without 'hosts'"),
            (entry('keys = ["IMEI"]', without="hosts"), "two 'keys'"),
            (entry("port = 9999", without="hosts"), "'port' and 'protocol'"),
            (entry('content_type = "application/json"', without="hosts"), "content"),
            (entry('path = "checkin"'), "must begin with /"),
            (entry('path = "/a?b=c"'), "no query"),
            (entry('path = "/a/**/b"'), "at the end only"),
            (entry("port = 0"), "from 1 to 65535"),
            (entry('port = "80"'), "from 1 to 65535"),
            (entry('protocol = "smtp"'), "'protocol' must be of"),
            (entry("acknowledged = {}"), "says how"),
            (entry('acknowledged = { json = "a" }'), "'equals'"),
            (entry("acknowledged = { equals = [0] }"), "'equals'"),
            (entry('acknowledged = { json = "a", protobuf = 1, equals = [0] }'), "'equals'"),
            (entry('acknowledged = { json = "a", equals = [0.5] }'), "texts, whole numbers"),
            (entry('acknowledged = { text = "ok" }'), "unknown key 'text'"),
            (entry('acknowledged = "yes"'), "must be a table"),
            (entry('fields = [{ path = "IMEI1", kind = "imei", reason = "x" }]'), "segments with ' > '"),
            (entry('fields = [{ path = "mail > x", kind = "imei", reason = "x" }]'), "first is one of"),
            (entry('fields = [{ path = "body > x", kind = "face", reason = "x" }]'), "no kind 'face'"),
            (entry('fields = [{ path = "body > [x]", kind = "imei", reason = "x" }]'), "position in a list"),
            (entry('fields = [{ path = "body > [01]", kind = "imei", reason = "x" }]'), "position in a list"),
            (entry('fields = [{ path = "body > x", kind = "imei" }]'), "'reason' must be"),
            (entry('fields = ["x"]'), "payload 'x' is not among the [payloads]"),
            (entry("fields = [1]"), "a name of [payloads]"),
            ("[payloads.x]\nat = ['body']\n" + entry(""), "both are needed"),
            ("[payloads]\nx = 1\n" + entry(""), "[payloads] must be tables"),
            (entry('fields = [{ path = "body > x", kind = "imei", reason = "x", sure = 1 }]'), "unknown key"),
        ],
    )
    def test_an_entry_that_is_wrong_is_named(self, write, text: str, said: str) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(CatalogueError) as error:
            write(text)
        assert said in str(error.value)
        assert "0.toml" in str(error.value)

    def test_the_entry_is_named(self, write) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(CatalogueError, match=r"0\.toml: entry 'maker-activation': "):
            write(entry(without="owner"))
        with pytest.raises(CatalogueError, match=r"0\.toml: entry number 1: 'id'"):
            write(entry(without="id"))

    def test_an_id_is_used_once_over_all_files(self, write) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(CatalogueError, match=r"1\.toml.*0\.toml has one of that id"):
            write(ENTRY, ENTRY)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[[endpoint]\n", "not valid TOML"),
            ('[[host]]\nid = "x"\n', "[[endpoint]] tables"),
            ("endpoint = 3\n", "[[endpoint]] tables"),
            ("references = 3\n" + ENTRY, "[references]"),
            ('[references]\nx = { title = "one two" }\n' + ENTRY, "[references] x"),
        ],
    )
    def test_a_file_that_is_wrong_is_named(self, write, text: str, said: str) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(CatalogueError) as error:
            write(text)
        assert said in str(error.value)
        assert str(error.value).startswith("0.toml")

    def test_a_file_that_is_no_text_is_named(self, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        (tmp_path / "endpoints" / "x.toml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(CatalogueError, match=r"x\.toml: cannot be read"):
            write()

    def test_a_rank_is_a_number(self, write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        (tmp_path / "purposes.toml").write_text(PURPOSES.replace("rank = 1", 'rank = "high"'))
        with pytest.raises(CatalogueError, match=r"purposes\.toml: entry 'activation': 'rank'"):
            write(ENTRY)


class TestMatching:
    def found(self, known: Catalogue, url: str, keys: tuple[str, ...] = (), **more: object) -> str | None:
        entry = known.find(sent(url, **more), keys)  # type: ignore[arg-type]
        return entry.id if entry else None

    def several(self, write, *entries: str) -> Catalogue:  # type: ignore[no-untyped-def]
        text = "".join(
            f'[[endpoint]]\nid = "{chr(97 + n)}"\nowner = "x"\npurpose = "activation"\n{REFERENCE}\n{lines}\n'
            for n, lines in enumerate(entries)
        )
        known: Catalogue = write(text)
        return known

    def test_a_wildcard_is_any_depth_below_but_not_the_name_itself(self, write) -> None:  # type: ignore[no-untyped-def]
        known = self.several(write, 'hosts = ["*.maker.example"]')
        assert self.found(known, "https://a.maker.example/") == "a"
        assert self.found(known, "https://a.b.c.maker.example/") == "a"
        assert self.found(known, "https://maker.example/") is None
        assert self.found(known, "https://notmaker.example/") is None

    def test_the_more_specific_entry_wins(self, write) -> None:  # type: ignore[no-untyped-def]
        known = self.several(
            write,
            'hosts = ["*.example"]',
            'hosts = ["*.maker.example"]',
            'hosts = ["a.maker.example"]',
            'hosts = ["a.maker.example"]\npath = "/v*/register"',
            'hosts = ["a.maker.example"]\npath = "/v1/register"',
            'hosts = ["a.maker.example"]\nport = 8080',
            'keys = ["REGVER", "MODEL"]',
            'port = 9999\nprotocol = "tcp"',
        )
        assert self.found(known, "https://a.maker.example/v1/register?x=/") == "e"
        assert self.found(known, "https://a.maker.example/v2/register") == "d"
        assert self.found(known, "https://a.maker.example/") == "c"
        assert self.found(known, "https://a.maker.example:8080/") == "f"
        assert self.found(known, "https://b.maker.example/") == "b"
        assert self.found(known, "https://other.example/") == "a"
        assert self.found(known, "https://b.maker.example/", ("REGVER", "MODEL")) == "g"
        assert self.found(known, "https://a.maker.example/", ("REGVER", "MODEL")) == "c"
        assert self.found(known, "tcp://192.0.2.1:9999", protocol="tcp") == "h"
        assert self.found(known, "http://192.0.2.1:9999/") is None

    def test_equals_are_told_apart_by_id(self, write) -> None:  # type: ignore[no-untyped-def]
        known = self.several(write, 'hosts = ["x.example"]', 'hosts = ["x.example"]')
        assert self.found(known, "https://x.example/") == "a"

    def test_paths(self, write) -> None:  # type: ignore[no-untyped-def]
        known = self.several(
            write,
            'hosts = ["x.example"]\npath = "/a/*/c"',
            'hosts = ["x.example"]\npath = "/below/**"',
            'hosts = ["x.example"]\npath = "/v*.*/x*y"',
        )
        for path, id in {
            "/a/b/c": "a",
            "/a//c": "a",
            "/a/b/b/c": None,
            "/a/b/c/": None,
            "/below/": "b",
            "/below/x/y?z": "b",
            "/below": None,
            "/v1.2/xy": "c",
            "/v1.2.3/x123y": "c",
            "/v12/xy": None,
            "/v1.2/xyz": None,
        }.items():
            assert self.found(known, f"https://x.example{path}") == id, path

    def test_what_was_asked_for_is_the_name_in_the_request(self, write) -> None:  # type: ignore[no-untyped-def]
        known = self.several(write, 'hosts = ["x.example"]', 'hosts = ["y.example"]')
        assert self.found(known, "https://x.example/", authority="y.example") == "b"
        assert self.found(known, "https://x.example/", authority="unknown.example") == "a"

    def test_a_name_in_the_request_that_says_nothing_leaves_the_host_its_rank(self, write) -> None:  # type: ignore[no-untyped-def]
        known = self.several(write, 'hosts = ["x.example"]', 'keys = ["REGVER", "MODEL"]')
        keys = ("REGVER", "MODEL")
        assert self.found(known, "https://x.example/", keys, authority="192.0.2.1") == "a"
        assert self.found(known, "https://other.example/", keys, authority="192.0.2.1") == "b"

    def test_a_question_for_the_address_of_a_host_is_not_a_transmission_to_it(self, write) -> None:  # type: ignore[no-untyped-def]
        known = self.several(write, 'hosts = ["x.example"]', 'protocol = "dns"')
        query = Transmission(time=0.0, host="x.example", port=53, protocol="dns", transport="udp")
        found = known.find(query, ())
        assert found is not None
        assert found.id == "b"

    def test_a_shared_reference_with_a_section(self, write) -> None:  # type: ignore[no-untyped-def]
        known = write(
            '[references]\ndoc = { title = "Maker documentation", where = "https://maker.example/doc" }\n'
            + entry('reference = ["doc", "doc > Ports"]', without="reference")
        )
        first, second = known.endpoints["maker-activation"].references
        assert first.title == second.title == "Maker documentation"
        assert (first.section, second.section) == ("", "Ports")

    def test_remembered_hosts_are_bounded(self, monkeypatch: pytest.MonkeyPatch, write) -> None:  # type: ignore[no-untyped-def]
        monkeypatch.setattr("phonehome.analysis.knowledge.catalogue.MAX_REMEMBERED_HOSTS", 10)
        known = self.several(write, 'hosts = ["x.example"]')
        for number in range(100):
            assert self.found(known, f"https://h{number}.example/") is None
            assert self.found(known, "https://x.example/") == "a"
        assert len(known._remembered) <= 10

    @given(st.text(max_size=3000), st.one_of(st.none(), st.text(max_size=300)), st.text(max_size=30))
    def test_no_transmission_makes_it_raise(self, path: str, host: str | None, method: str) -> None:
        catalogue().find(Transmission(time=0.0, host=host, path=path, method=method), ())

    def test_a_hostile_path_costs_little(self, write) -> None:  # type: ignore[no-untyped-def]
        known = self.several(write, 'hosts = ["x.example"]\npath = "/*a*a*a*a*a*b"')
        # One that goes back to look again would not be done before the time limit of a test.
        assert self.found(known, "https://x.example/" + "a" * 1_000_000) is None


class TestFields:
    def fields(self, write, text: str, id: str = "maker-activation") -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
        known: Catalogue = write(text)
        return [(" > ".join(field.path), field.reason) for field in known.endpoints[id].fields]

    def test_compression_is_left_out_of_a_path(self, write) -> None:  # type: ignore[no-untyped-def]
        text = entry('fields = [{ path = "body > gzip > json > imei", kind = "imei", reason = "one" }]')
        assert self.fields(write, text) == [("body > json > imei", "one")]
        assert without_compression(("body", "zstd", "json", "br", "imei")) == ("body", "json", "imei")

    def test_a_star_is_any_one_segment(self) -> None:
        assert fits(("query", "*", "imei"), ("query", "anything", "imei"))
        assert not fits(("query", "*", "imei"), ("query", "imei"))
        assert not fits(("query", "*"), ("query", "a", "b"))

    PAYLOAD = """
[payloads.registration]
at = ["body > json", "content > json"]
fields = [
  { path = "IMEI1", kind = "imei", reason = "one" },
  { path = "cells > [0]", kind = "imei", reason = "two" },
]
"""

    def test_a_payload_is_written_once_for_all_its_dresses(self, write) -> None:  # type: ignore[no-untyped-def]
        assert self.fields(write, self.PAYLOAD + entry('fields = "registration"')) == [
            ("body > json > IMEI1", "one"),
            ("body > json > cells > [0]", "two"),
            ("content > json > IMEI1", "one"),
            ("content > json > cells > [0]", "two"),
        ]

    def test_an_entry_can_add_to_a_payload_and_change_it(self, write) -> None:  # type: ignore[no-untyped-def]
        own = """fields = ["registration",
          { path = "body > json > IMEI1", kind = "imei", reason = "mine" },
          { path = "query > x", kind = "imei", reason = "three" }]"""
        found = dict(self.fields(write, self.PAYLOAD + entry(own)))
        assert found["body > json > IMEI1"] == "mine"
        assert found["content > json > IMEI1"] == "one"
        assert found["query > x"] == "three"


class TestOwnEntries:
    def test_there_are_many(self) -> None:
        assert len(ENTRIES) >= 180
        assert sum(bool(entry.fields) for entry in ENTRIES) >= 60

    @pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
    def test_each_rests_on_a_reference(self, entry: Endpoint) -> None:
        assert entry.references
        for reference in entry.references:
            assert len(reference.title.split()) >= 2
            assert len(reference.where) >= 8
            assert "this project" not in reference.where

    @pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.hosts], ids=lambda entry: entry.id)
    def test_each_matches_what_it_is_for(self, entry: Endpoint) -> None:
        """Its examples, or else its first host, and no other entry takes them away."""
        protocol = "http" if "http" in entry.protocols else sorted(entry.protocols)[0]
        port = min(entry.ports, default=443)
        examples = entry.examples or [
            f"https://{host.replace('*', 'x')}:{port}{entry.path.replace('*', 'x')}"
            for host in entry.hosts[:1]
        ]
        for example in examples:
            transmission = sent(example, entry.method or "POST", protocol=protocol)
            found = catalogue().find(transmission, entry.keys)
            assert found is not None, example
            assert found.id == entry.id, example

    def test_no_two_entries_are_equal_in_all_they_ask_for(self) -> None:
        seen: dict[object, str] = {}
        for entry in ENTRIES:
            for host in entry.hosts:
                for protocol in entry.protocols:
                    asked = (
                        host,
                        protocol,
                        entry.path,
                        entry.method,
                        entry.content_type,
                        entry.ports,
                        entry.keys,
                    )
                    assert asked not in seen, f"{entry.id} and {seen[asked]} both claim {host}"
                    seen[asked] = entry.id

    def test_no_wildcard_claims_a_whole_top_level_domain(self) -> None:
        for entry in ENTRIES:
            for host in entry.hosts:
                assert host.removeprefix("*.").count(".") >= 1 or not host.startswith("*"), (entry.id, host)

    def test_every_purpose_has_a_rank_of_its_own(self) -> None:
        purposes = catalogue().purposes.values()
        assert len({purpose.rank for purpose in purposes}) == len(purposes)
        assert {"activation", "unclassified"} <= set(catalogue().purposes)

    def test_activation_comes_first(self) -> None:
        assert min(catalogue().purposes.values(), key=lambda purpose: purpose.rank).id == "activation"

    def test_no_host_stands_in_the_code(self) -> None:
        """Knowledge is data: no module of these parts names a host of the catalogue."""
        folder = Path(phonehome.analysis.__file__).parent
        hosts = {host.removeprefix("*.") for entry in ENTRIES for host in entry.hosts}
        for module in (folder / "knowledge" / "catalogue.py", folder / "purposes.py", folder / "devices.py"):
            text = module.read_text()
            assert not [host for host in hosts if host in text], module
