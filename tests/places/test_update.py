"""`phonehome update`, against a server on loopback: nothing is used that was not checked."""

import datetime
import gzip
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import maxminddb
import pytest

from phonehome.analysis.places import builder
from phonehome.analysis.places.database import LocationDatabase
from phonehome.analysis.places.update import (
    PROBES,
    Sources,
    UpdateError,
    in_use,
    month_of,
    rollback,
    update,
)
from phonehome.cli import main
from tests.places.tables import write_mmdb

DAY = datetime.date(2026, 12, 5)
FEW = {"country": 5, "asn": 1, "cloud": 3}
DECEMBER, LONG_AGO = 1_796_083_200, 1_600_000_000  # 2026-12-01, 2020-09-13
COUNTRY = "/download.db-ip.com/free/dbip-country-lite-2026-12.mmdb.gz"


class Mirror:
    """Files by path, on loopback."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                content = mirror.files.get(self.path)
                self.send_response(200 if content is not None else 404)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def publish(
        self, tmp_path: Path, countries: Mapping[str, str | None] = PROBES, built: int = DECEMBER
    ) -> None:
        """A month's files."""
        networks = {f"{address}/{128 if ':' in address else 32}": code for address, code in countries.items()}
        country = write_mmdb(
            tmp_path / "c.mmdb",
            "DBIP-Country-Lite",
            {prefix: {"country": {"iso_code": code}} for prefix, code in networks.items()},
            built=built,
        )
        asn = write_mmdb(
            tmp_path / "a.mmdb",
            "DBIP-ASN-Lite",
            {
                "61.139.0.0/16": {
                    "autonomous_system_number": 4134,
                    "autonomous_system_organization": "Chinanet",
                }
            },
            built=built,
        )
        aws = {
            "prefixes": [{"ip_prefix": "13.228.0.0/15", "region": "ap-southeast-1", "service": "EC2"}],
            "ipv6_prefixes": [
                {"ipv6_prefix": "2406:da18::/36", "region": "ap-southeast-1", "service": "EC2"}
            ],
        }
        gcp = {
            "prefixes": [{"ipv4Prefix": "34.1.208.0/20", "scope": "africa-south1", "service": "Google Cloud"}]
        }
        oracle = {
            "regions": [{"region": "eu-frankfurt-1", "cidrs": [{"cidr": "130.61.0.0/16", "tags": ["OCI"]}]}]
        }
        self.files = {
            COUNTRY: gzip.compress(country.read_bytes()),
            COUNTRY.replace("country", "asn"): gzip.compress(asn.read_bytes()),
            "/ip-ranges.amazonaws.com/ip-ranges.json": json.dumps(aws).encode(),
            "/www.gstatic.com/ipranges/cloud.json": json.dumps(gcp).encode(),
            "/docs.oracle.com/iaas/tools/public_ip_ranges.json": json.dumps(oracle).encode(),
        }


@pytest.fixture(scope="module")
def server() -> Iterator[Mirror]:
    mirror = Mirror()
    yield mirror
    mirror.server.shutdown()


@pytest.fixture
def mirror(server: Mirror, tmp_path: Path) -> Mirror:
    server.publish(tmp_path)
    server.asked.clear()
    return server


def run(mirror: Mirror, folder: Path, **more: Any) -> Any:
    return update(Sources(mirror=mirror.url), DAY, folder, least_rows=FEW, **more)


@pytest.fixture(scope="module")
def built(server: Mirror, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database that an update made."""
    server.publish(tmp_path_factory.mktemp("tables"))
    folder = tmp_path_factory.mktemp("data")
    run(server, folder)
    return (folder / builder.PRESENT).read_bytes()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_tables_are_used_and_the_old_ones_kept(mirror: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    done = run(mirror, folder)
    assert (done.day, done.before) == ("2026-12-01", "2026-10-01")
    assert left(folder) == [builder.PRESENT]
    with LocationDatabase(folder=folder) as database:
        assert database.locate("61.139.2.69").sources[0].date == "2026-12-01"
        found = database.locate("13.228.0.1")
        assert (found.country, found.country_certainty, found.cloud_region) == (
            "SG",
            "certain",
            "ap-southeast-1",
        )
        assert database.locate("34.1.208.1").country == "ZA"
        # What no address publishes stays as it is embedded.
        assert database.locate("20.190.159.1").cloud_region == "northeurope"
        assert database.locate("61.139.2.69", 1_548_140_400.0).evidence[0].date == "2019-12-24"
    run(mirror, folder)
    assert left(folder) == [builder.PRESENT, "locations.previous.mmdb"]
    assert rollback(folder) == folder / builder.PRESENT
    assert rollback(folder) == builder.OUTPUT / builder.PRESENT
    with pytest.raises(UpdateError, match="no update to take back"):
        rollback(folder)


def test_a_check_changes_nothing(mirror: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert run(mirror, folder, check_only=True).day == "2026-12-01"
    assert left(folder) == []
    assert in_use(folder)[0] == builder.OUTPUT / builder.PRESENT


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("missing", "answered 404"),
        ("cut", "cannot be fetched"),
        ("not a database", "not as it should be"),
        ("no JSON", "not as it should be"),
        ("older", "older than that in use"),
        ("short", "rows, and at least"),
        ("wrong", "wrong about known addresses"),
        ("unreachable", "cannot be fetched"),
    ],
)
def test_whatever_goes_wrong_leaves_the_old_tables_in_use(
    built: bytes, mirror: Mirror, tmp_path: Path, fault: str, says: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / builder.PRESENT).write_bytes(built)
    sources, rows = Sources(mirror=mirror.url), FEW
    if fault == "missing":
        del mirror.files[COUNTRY]
    elif fault == "cut":
        mirror.files[COUNTRY] = mirror.files[COUNTRY][:100]
    elif fault == "not a database":
        mirror.files[COUNTRY] = gzip.compress(b"<html>not here</html>")
    elif fault == "no JSON":
        mirror.files["/www.gstatic.com/ipranges/cloud.json"] = b"<html>"
    elif fault == "older":
        mirror.publish(tmp_path, built=LONG_AGO)
    elif fault == "short":
        rows = {**FEW, "country": 1000}
    elif fault == "wrong":
        mirror.publish(tmp_path, dict.fromkeys(PROBES, "US"))
    else:
        sources = Sources(mirror="http://127.0.0.1:9")
    with pytest.raises(UpdateError, match=says) as caught:
        update(sources, DAY, folder, least_rows=rows)
    assert "\n" not in str(caught.value)
    assert (folder / builder.PRESENT).read_bytes() == built
    assert left(folder) == [builder.PRESENT]


def test_a_proxy_is_asked_in_the_place_of_the_publisher(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files = {f"http://tables.example{path}": content for path, content in mirror.files.items()}
    sources = Sources(mirror="http://tables.example", proxy=mirror.url)
    assert update(sources, DAY, tmp_path / "data", least_rows=FEW).day == "2026-12-01"
    assert all(path.startswith("http://tables.example/") for path in mirror.asked)


def test_the_command(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    assert main(["update", "--mirror", mirror.url, "--as-of", "2026-12-05"]) == 1
    assert "rows, and at least 300,000 were expected; the old tables stay in use" in capsys.readouterr().err
    assert main(["update", "--rollback"]) == 1
    assert "no update to take back" in capsys.readouterr().err
    assert main(["update", "--rollback", "--check"]) == 2


def test_nothing_else_fetches() -> None:
    assert month_of(DAY) == "2026-12"
    assert Sources().address("https://a.example/b") == "https://a.example/b"
    assert Sources(mirror="http://m/x/").address("https://a.example/b") == "http://m/x/a.example/b"


def test_the_built_file_is_one_that_any_reader_reads(built: bytes, tmp_path: Path) -> None:
    (tmp_path / "built.mmdb").write_bytes(built)
    with maxminddb.open_database(tmp_path / "built.mmdb") as reader:
        assert reader.get("61.139.2.69") == {"country": "CN", "asn": 4134, "organisation": "Chinanet"}
