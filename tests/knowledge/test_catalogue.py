"""The loader refuses what is wrong and says so; the program's own entries keep the rules."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phonehome.analysis
from phonehome.analysis.knowledge import KnowledgeError, read_folder
from phonehome.analysis.knowledge.catalogue import (
    Catalogue,
    Endpoint,
    catalogue,
    fits,
    without_compression,
)
from phonehome.analysis.transmission import Transmission
from tests.knowledge.folder import copied

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


Write = Callable[..., Catalogue]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files of endpoints in the place of the program's own, and loads them with the rest of what it knows."""

    def loaded(*files: str) -> Catalogue:
        folder = copied(tmp_path / "knowledge", "endpoints")
        (folder / "endpoints").mkdir(exist_ok=True)
        for number, text in enumerate(files):
            (folder / "endpoints" / f"{number}.toml").write_text(text)
        return read_folder(folder).catalogue

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
            (entry("", without="reference") + "\nreference = []", "'reference' must be { title"),
            (entry('reference = "nowhere"', without="reference"), "no 'nowhere' in [references]"),
            (
                entry('reference = { title = "x", where = "https://a.example/" }', without="reference"),
                "title",
            ),
            (entry('reference = { title = "two words", where = "web" }', without="reference"), "where"),
            (entry('reference = { title = "two words" }', without="reference"), "'where' is missing"),
            (entry('colour = "red"'), "unknown key 'colour'"),
            (entry('purpose = "fun"', without="purpose"), "no purpose 'fun'"),
            (entry('id = "Maker Activation"', without="id"), "must be an id of lower-case"),
            (entry('hosts = ["*example.com"]', without="hosts"), "host '*example.com'"),
            (entry('hosts = ["A.example"]', without="hosts"), "lower case"),
            (entry('hosts = ["a.*.example"]', without="hosts"), "*. before one"),
            (entry('hosts = ["*-log.example"]', without="hosts"), "three or more labels"),
            (entry('hosts = ["*-*.maker.example"]', without="hosts"), "one * in the first"),
            (entry('hosts = ["{a,b.maker.example"]', without="hosts"), "host '{a,b.maker.example'"),
            (entry('hosts = ["{a, b}.maker.example"]', without="hosts"), "host ' b.maker.example'"),
            (entry('hosts = ["{a,}.maker.example"]', without="hosts"), "host '.maker.example'"),
            (entry(f'hosts = ["{"{a,b}" * 7}.example"]', without="hosts"), "more than 64 names"),
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
            (entry('protocol = "smtp"'), "'protocol' must be one of"),
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
            (entry('fields = [{ path = "body > x", kind = "imei" }]'), "'reason' is missing"),
            (entry('fields = ["x"]'), "no 'x' in [payloads]"),
            (entry("fields = [1]"), "a name of [payloads]"),
            ("[payloads.x]\nat = ['body']\n" + entry(""), "'fields' is missing"),
            ("[payloads]\nx = 1\n" + entry(""), "[payloads] x: it must be a table"),
            (entry('fields = [{ path = "body > x", kind = "imei", reason = "x", sure = 1 }]'), "unknown key"),
        ],
    )
    def test_an_entry_that_is_wrong_is_named(self, write: Write, text: str, said: str) -> None:
        with pytest.raises(KnowledgeError) as error:
            write(text)
        assert said in str(error.value)
        assert "0.toml" in str(error.value)

    def test_the_entry_is_named(self, write: Write) -> None:
        with pytest.raises(KnowledgeError, match=r"0\.toml: endpoint 'maker-activation': "):
            write(entry(without="owner"))
        with pytest.raises(KnowledgeError, match=r"0\.toml: endpoint number 1: 'id'"):
            write(entry(without="id"))

    def test_an_id_is_used_once_over_all_files(self, write: Write) -> None:
        with pytest.raises(
            KnowledgeError,
            match=r"id .maker-activation. is in .* number 1 of 0.toml already",
        ):
            write(ENTRY, ENTRY)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[[endpoint]\n", "not valid TOML"),
            ('[[host]]\nid = "x"\n', "unknown key 'host'"),
            ("endpoint = 3\n", "tables, each under [[endpoint]]"),
            ("references = 3\n" + ENTRY, "under [references.NAME]"),
            ('[references]\nx = { title = "one two" }\n' + ENTRY, "[references] x"),
        ],
    )
    def test_a_file_that_is_wrong_is_named(self, write: Write, text: str, said: str) -> None:
        with pytest.raises(KnowledgeError) as error:
            write(text)
        assert said in str(error.value)
        assert str(error.value).startswith("0.toml")


class TestMatching:
    def found(self, known: Catalogue, url: str, keys: tuple[str, ...] = (), **more: object) -> str | None:
        entry = known.find(sent(url, **more), keys)  # type: ignore[arg-type]
        return entry.id if entry else None

    def several(self, write: Write, *entries: str) -> Catalogue:
        text = "".join(
            f'[[endpoint]]\nid = "{chr(97 + n)}"\nowner = "x"\npurpose = "activation"\n{REFERENCE}\n{lines}\n'
            for n, lines in enumerate(entries)
        )
        return write(text)

    def test_a_wildcard_is_any_depth_below_but_not_the_name_itself(self, write: Write) -> None:
        known = self.several(write, 'hosts = ["*.maker.example"]')
        assert self.found(known, "https://a.maker.example/") == "a"
        assert self.found(known, "https://a.b.c.maker.example/") == "a"
        assert self.found(known, "https://maker.example/") is None
        assert self.found(known, "https://notmaker.example/") is None

    def test_a_wildcard_is_not_the_website_unless_it_is_named(self, write: Write) -> None:
        known = self.several(write, 'hosts = ["*.maker.example"]', 'hosts = ["www.other.example"]')
        assert self.found(known, "https://www.maker.example/") is None
        assert self.found(known, "https://www.shop.maker.example/") is None
        assert self.found(known, "https://www2.maker.example/") == "a"
        assert self.found(known, "https://www.other.example/") == "b"

    def test_a_part_of_the_first_label_can_be_left_open(self, write: Write) -> None:
        known = self.several(
            write,
            'hosts = ["*-log.maker.example"]',
            'hosts = ["r*-log.maker.example"]',
            'hosts = ["*.maker.example"]',
            'hosts = ["*.eu.maker.example"]',
            'hosts = ["eu-log.maker.example"]',
            'hosts = ["stat*.maker.example"]',
        )
        for host, id in {
            "in-log": "a",
            "r1-log": "b",
            "r-log": "a",
            "-log": "c",
            "x.in-log": "c",
            "in-log.eu": "d",
            "eu-log": "e",
            "stat3": "f",
            "stat": "c",
        }.items():
            assert self.found(known, f"https://{host}.maker.example/") == id, host
        assert self.found(known, "https://in-log.other.example/") is None

    def test_alternatives_are_names_by_themselves(self, write: Write) -> None:
        known = self.several(
            write,
            'hosts = ["{a,b}.{x,y}.example", "log{,-eu}.example", "*-{q,p}.maker.example"]',
            'hosts = ["*.example"]',
        )
        for host, id in {
            "a.x": "a",
            "a.y": "a",
            "b.x": "a",
            "b.y": "a",
            "c.x": "b",
            "log": "a",
            "log-eu": "a",
            "log-in": "b",
            "1-q.maker": "a",
            "1-p.maker": "a",
            "1-r.maker": "b",
        }.items():
            assert self.found(known, f"https://{host}.example/") == id, host

    def test_the_reason_names_entry_owner_and_what_matched(self) -> None:
        entry = catalogue().endpoints["china-telecom-self-registration"]
        assert entry.reason == (
            "known endpoint china-telecom-self-registration of China Telecom (by host, protocol)"
        )

    def test_the_more_specific_entry_wins(self, write: Write) -> None:
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

    def test_equals_in_all_but_their_path_s_letters_are_told_apart_by_id(self, write: Write) -> None:
        known = self.several(
            write, 'hosts = ["x.example"]\npath = "/*/a"', 'hosts = ["x.example"]\npath = "/a/*"'
        )
        assert self.found(known, "https://x.example/a/a") == "a"

    def test_two_entries_that_ask_for_the_same_are_refused(self, write: Write) -> None:
        with pytest.raises(
            KnowledgeError, match=r"endpoint 'b': 'x\.example' under the same conditions is in"
        ):
            self.several(write, 'hosts = ["x.example"]', 'hosts = ["y.example", "x.example"]')
        with pytest.raises(KnowledgeError, match=r"'b\.x\.example' under the same conditions is in"):
            self.several(write, 'hosts = ["{a,b}.x.example"]', 'hosts = ["{c,b}.x.example"]')
        self.several(
            write, 'hosts = ["x.example"]\nprotocol = "tcp"', 'hosts = ["x.example"]\nprotocol = "udp"'
        )

    def test_paths(self, write: Write) -> None:
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

    def test_what_was_asked_for_is_the_name_in_the_request(self, write: Write) -> None:
        known = self.several(write, 'hosts = ["x.example"]', 'hosts = ["y.example"]')
        assert self.found(known, "https://x.example/", authority="y.example") == "b"
        assert self.found(known, "https://x.example/", authority="unknown.example") == "a"

    def test_a_name_in_the_request_that_says_nothing_leaves_the_host_its_rank(self, write: Write) -> None:
        known = self.several(write, 'hosts = ["x.example"]', 'keys = ["REGVER", "MODEL"]')
        keys = ("REGVER", "MODEL")
        assert self.found(known, "https://x.example/", keys, authority="192.0.2.1") == "a"
        assert self.found(known, "https://other.example/", keys, authority="192.0.2.1") == "b"

    def test_a_question_for_the_address_of_a_host_is_not_a_transmission_to_it(self, write: Write) -> None:
        known = self.several(write, 'hosts = ["x.example"]', 'protocol = "dns"')
        query = Transmission(time=0.0, host="x.example", port=53, protocol="dns", transport="udp")
        found = known.find(query, ())
        assert found is not None
        assert found.id == "b"

    def test_a_shared_reference_with_a_section(self, write: Write) -> None:
        known = write(
            '[references]\ndoc = { title = "Maker documentation", where = "https://maker.example/doc" }\n'
            + entry('reference = ["doc", "doc > Ports"]', without="reference")
        )
        first, second = known.endpoints["maker-activation"].references
        assert first.title == second.title == "Maker documentation"
        assert (first.section, second.section) == ("", "Ports")

    def test_remembered_hosts_are_bounded(self, monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
        monkeypatch.setattr("phonehome.analysis.knowledge.catalogue.MAX_REMEMBERED_HOSTS", 10)
        known = self.several(write, 'hosts = ["x.example"]')
        for number in range(100):
            assert self.found(known, f"https://h{number}.example/") is None
            assert self.found(known, "https://x.example/") == "a"
        assert len(known._remembered) <= 10

    @given(st.text(max_size=3000), st.one_of(st.none(), st.text(max_size=300)), st.text(max_size=30))
    def test_no_transmission_makes_it_raise(self, path: str, host: str | None, method: str) -> None:
        catalogue().find(Transmission(time=0.0, host=host, path=path, method=method), ())

    def test_a_hostile_path_costs_little(self, write: Write) -> None:
        known = self.several(write, 'hosts = ["x.example"]\npath = "/*a*a*a*a*a*b"')
        # One that goes back to look again would not be done before the time limit of a test.
        assert self.found(known, "https://x.example/" + "a" * 1_000_000) is None


class TestFields:
    def fields(self, write: Write, text: str, id: str = "maker-activation") -> list[tuple[str, str]]:
        known = write(text)
        return [(" > ".join(field.path), field.reason) for field in known.endpoints[id].fields]

    def test_compression_is_left_out_of_a_path(self, write: Write) -> None:
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

    def test_a_payload_is_written_once_for_all_its_dresses(self, write: Write) -> None:
        assert self.fields(write, self.PAYLOAD + entry('fields = "registration"')) == [
            ("body > json > IMEI1", "one"),
            ("body > json > cells > [0]", "two"),
            ("content > json > IMEI1", "one"),
            ("content > json > cells > [0]", "two"),
        ]

    def test_an_entry_can_add_to_a_payload_and_change_it(self, write: Write) -> None:
        own = """fields = ["registration",
          { path = "body > json > IMEI1", kind = "imei", reason = "mine" },
          { path = "query > x", kind = "imei", reason = "three" }]"""
        found = dict(self.fields(write, self.PAYLOAD + entry(own)))
        assert found["body > json > IMEI1"] == "mine"
        assert found["content > json > IMEI1"] == "one"
        assert found["query > x"] == "three"


class TestOwnEntries:
    def test_there_are_many(self) -> None:
        assert len(ENTRIES) >= 1000
        assert sum(bool(entry.fields) for entry in ENTRIES) >= 150

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
            words = set(re.findall(r"[\w.-]+", text))
            assert not hosts & words, module
