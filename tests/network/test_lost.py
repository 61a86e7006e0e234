"""What a phone behind WireGuard tried, and nothing came of: in log, line, capture and report, with what it had sent.

The network is that of test_two_phones.py; needs the same.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from phonehome.addons.own_names import CERTIFICATE, PAGE
from phonehome.cli import main
from tests.network.parts import REGISTRATION, stop, transmissions
from tests.network.test_two_phones import ELSEWHERE, NOBODY, PROXYS_DNS, WHY_NOT, Lab, ip

pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

DEAD = 4242
RAW = b'{"REGVER":"1.0","MODEL":"WATCH-TEST","IMEI1":"001012340000425","SIM1ICCID":"8947990000000000048"}'
BY_TCP = """
import socket
with socket.create_connection(("%s", %d), 60) as s:
    s.sendall(%r)
    s.settimeout(60)
    print(s.recv(4096))
"""
LOOK_UP = """
import dns.message, dns.query, dns.rcode
answer = dns.query.udp(dns.message.make_query("%s", "A"), "%s", timeout=%d)
print(dns.rcode.to_text(answer.rcode()), *answer.answer)
"""
BY_UDP = """
import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.sendto(%r, ("%s", %d))
    time.sleep(1)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with ExitStack() as cleanup:
        made = Lab(tmp_path, cleanup)
        # No name server: no name resolves.
        made.computers(["Anna"], "--set", "dns_name_servers=127.0.0.9", "--set", "dns_use_hosts_file=false")
        made.connect(1, "Anna")
        ip("-n", made.computer, "route", "add", NOBODY, "dev", made.cable(1))
        yield made


def test_what_came_to_nothing_is_in_log_line_capture_and_report(lab: Lab, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(REGISTRATION)
    trust = ("--cacert", lab.folder / "conf" / "mitmproxy-ca-cert.pem")
    post = ("-H", "Content-Type: application/encrypted-json", "--data-binary", f"@{body}", "--max-time", "60")
    tried: dict[tuple[str, int], str] = {}
    for address in (ELSEWHERE, NOBODY):
        host = "dead.example" if address == ELSEWHERE else "nobody.example"
        for scheme, port in (("http", DEAD), ("https", DEAD + 1)):
            resolve = ("--resolve", f"{host}:{port}:{address}")
            lab.curl("Anna", *trust, *resolve, *post, f"{scheme}://{host}:{port}/")
            tried[address, port] = "http"
        lab.python("Anna", BY_TCP % (address, DEAD + 2, RAW))
        tried[address, DEAD + 2] = "tcp"
        lab.python("Anna", BY_UDP % (RAW, address, DEAD + 3))
        tried[address, DEAD + 3] = "udp"
    lab.python("Anna", BY_TCP % (NOBODY, DEAD + 4, b""))
    assert "NOERROR" not in lab.python("Anna", LOOK_UP % ("zzhc.vnet.cn", PROXYS_DNS, 60))
    # The proxy's own pages need nobody.
    assert CERTIFICATE in lab.python("Anna", LOOK_UP % ("mitm.it", PROXYS_DNS, 2))
    assert PAGE in lab.python("Anna", LOOK_UP % ("phonehome.test", PROXYS_DNS, 2))
    pages = {
        ("mitm.it", CERTIFICATE, "/cert/pem"): "BEGIN CERTIFICATE",
        ("phonehome.test", PAGE, "/"): "<title>",
    }
    for (name, address, path), inside in pages.items():
        for url in (f"http://{name}{path}", f"http://{address}{path}"):
            assert inside in lab.curl("Anna", "--resolve", f"{name}:80:{address}", url).stdout, url
    said = stop(lab.proxy)
    assert lab.proxy.returncode == 0, said

    (capture,) = (lab.folder / "captures").glob("*.mitm")
    sent = [one for one in transmissions(capture) if one.origin == "device"]
    found = {(one.address, one.port): one.protocol for one in sent if one.bytes_sent}
    assert found == tried
    assert all(one.reply is None for one in sent)
    silent = [one for one in sent if not one.bytes_sent]
    assert [(one.address, one.port) for one in silent] == [(NOBODY, DEAD + 4), (None, None)]
    assert (silent[1].host, silent[1].protocol) == ("zzhc.vnet.cn", "dns")

    (log,) = (lab.folder / "captures").glob("*.jsonl")
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    requests = [line for line in logged if line["event"]["action"] == "activation-request"]
    outcomes = [line for line in logged if line["event"]["action"] == "activation-outcome"]
    assert {line["phonehome"]["outcome"] for line in outcomes} == {"attempted"}
    assert len(requests) == len(outcomes) == len(tried) + 1
    for line in requests:
        kinds = {one["kind"] for one in line["phonehome"].get("identifiers", [])}
        assert kinds >= {"imei", "iccid"} or line["destination"]["address"] == "zzhc.vnet.cn"

    lines = said.partition("Ctrl-C ends")[2].partition("\n\nAnna")[0].splitlines()
    red = [line for line in lines if "ACTIVATION" in line]
    assert len(red) == len(tried) + 1, said
    assert any("  zzhc.vnet.cn  " in line and "the name does not resolve" in line for line in red)

    out = tmp_path / "report.json"
    assert main(["report", str(capture), "--quiet", "-o", str(out)]) == 0
    (device,) = json.loads(out.read_text())["devices"]
    rows = {(row["host"] or row["addresses"][0], row["purpose"]): row for row in device["destinations"]}
    names = {"dead.example", "nobody.example", ELSEWHERE, NOBODY, "zzhc.vnet.cn"}
    assert set(rows) == {*((name, "activation") for name in names), (NOBODY, "unclassified")}
    for (name, purpose), row in rows.items():
        assert row["attempts"] == row["transmissions"]
        if name != "zzhc.vnet.cn" and purpose == "activation":
            assert {one["kind"] for one in row["identifiers"]} >= {"imei", "iccid"}
    assert PROXYS_DNS not in out.read_text()
