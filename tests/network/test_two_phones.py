"""Two phones over real WireGuard, kept apart, on a network of namespaces that the test makes.

    Anna --veth-- the computer with the proxy --veth-- Ben

The computer's namespace has the servers as well, on loopback addresses that lie in China and Singapore outside of it:
nothing leaves the machine. Needs root, a tun device, and Debian's wireguard-go, wireguard-tools, iproute2 and curl.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from phonehome.addons.own_names import CERTIFICATE, PAGE
from phonehome.analysis.devices import PHONES_IPV6
from phonehome.cli import main
from tests.network.parts import (
    MITMDUMP,
    PHONEHOME,
    REGISTRATION,
    ROOT,
    certificate,
    running,
    stop,
    transmissions,
    wait_for,
)
from tests.places.tables import write_mmdb

TOOLS = ("ip", "wireguard-go", "wg", "curl")
CHINA, SINGAPORE, ELSEWHERE, PROXY = "61.139.2.69", "165.21.0.14", "165.21.0.15", "10.213.0.1"
PROXYS_DNS = "10.0.0.53"
IPV6 = "2001:db8::69"
NOBODY = "61.139.2.70"
"""Where no host is."""
PHONES = ("Anna", "Ben")


def missing() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs Linux and root, for network namespaces"
    if absent := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"needs {', '.join(absent)}"
    if not os.path.exists("/dev/net/tun"):
        return "needs a tun device"
    name = f"phonehome-{os.getpid()}-try"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return "may not make network namespaces here"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


WHY_NOT = missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


class Lab:
    """The network, and what runs in it."""

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        self.folder, self.cleanup = folder, cleanup
        self.computer = f"phonehome-{os.getpid()}"
        self.proxy: subprocess.Popen[str]

    def namespace(self, name: str) -> None:
        ip("netns", "add", name)
        self.cleanup.callback(ip, "netns", "del", name)
        ip("-n", name, "link", "set", "lo", "up")

    def inside(self, name: str, *command: Any) -> list[Any]:
        return ["ip", "netns", "exec", name, *command]

    def start(self, name: str, *command: Any, **more: Any) -> subprocess.Popen[str]:
        return self.cleanup.enter_context(running(self.inside(name, *command), None, cwd=ROOT, **more))

    def phone(self, name: str) -> str:
        return f"{self.computer}-{name}"

    def cable(self, number: int) -> str:
        return f"ph{os.getpid() % 100000}x{number}"

    def curl(self, phone: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
        command = self.inside(self.phone(phone), "curl", "-sS", "--max-time", "20", *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)

    def python(self, phone: str, code: str) -> str:
        command = self.inside(self.phone(phone), sys.executable, "-c", code)
        return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout

    def greet(self, phone: str, *arguments: Any) -> str:
        command = self.inside(
            self.phone(phone), sys.executable, "-m", "tests.network.parts", "greet", *arguments
        )
        run = subprocess.run(command, capture_output=True, text=True, timeout=40, check=True, cwd=ROOT)
        return run.stdout.strip()

    def computers(self, phones: Sequence[str], *more: str) -> None:
        """The computer, with the servers and the proxy, which is given these phones and options."""
        self.namespace(self.computer)
        for address in (CHINA, SINGAPORE, ELSEWHERE, PROXY):
            ip("-n", self.computer, "address", "add", f"{address}/32", "dev", "lo")
        ip("-n", self.computer, "address", "add", f"{IPV6}/128", "dev", "lo")
        own, key = certificate(self.folder, "device-activation.example", SINGAPORE)
        quic = certificate(self.folder, "quic.example", SINGAPORE)
        both = self.folder / "both.pem"
        both.write_bytes(own.read_bytes() + quic[0].read_bytes())
        serve = (sys.executable, "-m", "tests.network.parts")
        for kind, address, port, *tls in (
            ("http", CHINA, 80),
            ("http", ELSEWHERE, 80),
            ("http", IPV6, 80),
            ("tcp", CHINA, 9998),
            ("dns", CHINA, 53),
            ("http", SINGAPORE, 443, own, key),
            ("quic", SINGAPORE, 443, *quic),
        ):
            self.start(self.computer, *serve, kind, address, port, *tls)
        # The user's own table says otherwise than the embedded one: all that is shown must follow it.
        records = {
            f"{CHINA}/32": {"country": {"iso_code": "CN"}},
            f"{SINGAPORE}/32": {"country": {"iso_code": "SG"}},
        }
        records[f"{ELSEWHERE}/32"] = {"country": {"iso_code": "FI"}}
        table = write_mmdb(self.folder / "own.mmdb", "GeoLite2-Country", records)
        named = [part for name in phones for part in ("--phone", name)]
        command = [*PHONEHOME, "proxy", *named, "--address", PROXY, "--captures", self.folder / "captures"]
        # Of today: of two tables, the one nearer to the capture decides.
        command += ["--geo-db", f"{table}@{date.today()}"]
        command += [
            "--set",
            f"confdir={self.folder / 'conf'}",
            "--set",
            f"ssl_verify_upstream_trusted_ca={both}",
            *more,
        ]
        self.proxy = self.start(self.computer, *command, env={"XDG_DATA_HOME": str(self.folder / "data")})

    def plug_in(self, number: int, name: str) -> str:
        """A phone with a cable to the computer, and no other way. Returns its namespace."""
        space = self.phone(name)
        self.namespace(space)
        here, there = f"10.213.{number}.1", f"10.213.{number}.2"
        cable = self.cable(number)
        ip(
            "link",
            "add",
            cable,
            "netns",
            self.computer,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            space,
        )
        ip("-n", self.computer, "address", "add", f"{here}/30", "dev", cable)
        ip("-n", self.computer, "link", "set", cable, "up")
        ip("-n", space, "address", "add", f"{there}/30", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        ip("-n", space, "route", "add", PROXY, "via", here)
        return space

    def connect(self, number: int, name: str) -> None:
        """A phone that is plugged in, with WireGuard through its cable."""
        space = self.plug_in(number, name)
        configuration = self.folder / "data" / "phonehome" / "phones" / f"{name}.conf"
        # It is whole when the peer's address is in it.
        written = wait_for(lambda: configuration.exists() and "Endpoint" in configuration.read_text())
        assert written, stop(self.proxy)
        # wg takes the keys and the endpoint; address and routes are for ip.
        text = configuration.read_text()
        wanted = [line for line in text.splitlines() if not line.startswith(("Address", "DNS"))]
        stripped = self.folder / f"{name}.wg"
        stripped.write_text("\n".join(wanted) + "\n")
        tunnel = (
            f"wg{os.getpid() % 100000}x{number}"  # its control socket's name counts outside the namespace too
        )
        self.start(space, "wireguard-go", "-f", tunnel)
        control = Path("/var/run/wireguard") / f"{tunnel}.sock"
        assert wait_for(control.exists)
        setting = self.inside(space, "wg", "setconf", tunnel, stripped)
        assert wait_for(lambda: subprocess.run(setting, check=False, timeout=20).returncode == 0)
        ip("-n", space, "address", "add", "10.0.0.1/32", "dev", tunnel)
        ip("-n", space, "link", "set", tunnel, "up")
        ip("-n", space, "address", "add", f"{PHONES_IPV6}/128", "dev", tunnel)
        for address in (CHINA, SINGAPORE, ELSEWHERE, PAGE, CERTIFICATE, PROXYS_DNS, NOBODY, IPV6):
            ip("-n", space, "route", "add", address, "dev", tunnel)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with ExitStack() as cleanup:
        made = Lab(tmp_path_factory.mktemp("lab"), cleanup)
        made.computers(PHONES)
        for number, name in enumerate(PHONES, 1):
            made.connect(number, name)
        yield made


RAW = """
import socket
with socket.create_connection(("61.139.2.69", 9998), 20) as s:
    s.sendall(b'{"REGVER":"1.0","MODEL":"WATCH-TEST","IMEI1":"001012340000425","SIM1ICCID":"8947990000000000048"}')
    print(s.recv(4096).decode())
"""
LOOK_UP = """
import dns.message, dns.query
q = dns.message.make_query("%s", "A")
print(dns.query.udp(q, "%s", timeout=20).answer[0])
"""


def test_two_phones_are_kept_apart_from_activation_to_report(lab: Lab, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(REGISTRATION)
    registered = lab.curl(
        "Anna",
        *("--resolve", f"zzhc.vnet.cn:80:{CHINA}", "-H", "Content-Type: application/encrypted-json"),
        *("--data-binary", f"@{body}", "http://zzhc.vnet.cn/"),
    )
    assert "resultCode" in registered.stdout, registered.stderr
    assert "resultCode" in lab.python("Ben", RAW)

    # Over QUIC Ben trusts only the server's own certificate: refused, as a browser would, before it falls back to TCP;
    # let through when it goes on refusing.
    quic = (SINGAPORE, "443", "quic.example", lab.folder / "quic.example.pem")
    greetings = [lab.greet("Ben", *quic) for _ in range(4)]
    assert ["refused" in greeting for greeting in greetings] == [True, True, True, False], greetings
    assert greetings[3] == "hello from the server"

    # Ben trusts only the server's own certificate: refused, then let through.
    pinned = (
        *("--cacert", lab.folder / "device-activation.example.pem"),
        *("--resolve", f"device-activation.example:443:{SINGAPORE}", "https://device-activation.example/"),
    )
    assert lab.curl("Ben", *pinned).returncode == 60
    (capture,) = (lab.folder / "captures").glob("*.mitm")
    assert wait_for(lambda: any(sent.host == "device-activation.example" for sent in transmissions(capture)))
    # On a busy machine the next one may be there before the refusal has been told from a silence.
    assert wait_for(lambda: lab.curl("Ben", *pinned).stdout == "hello from the server")
    # Anna trusts the proxy: what Ben refused is not let through for her.
    trusted = ("--cacert", lab.folder / "conf" / "mitmproxy-ca-cert.pem", *pinned[2:])
    assert lab.curl("Anna", *trusted).stdout == "hello from the server"
    # A name that the capture's own DNS gives to an address.
    assert CHINA in lab.python("Anna", LOOK_UP % ("api.weather.example", CHINA))
    assert lab.curl("Anna", "-H", "Host:", f"http://{CHINA}/plain").returncode == 0

    assert (
        lab.curl(
            "Anna", "-d", "imei=001012340000425&iccid=8947990000000000048", f"http://{ELSEWHERE}/r"
        ).returncode
        == 0
    )

    # What is reached by IPv6 only.
    assert lab.curl("Ben", f"http://[{IPV6}]/six").stdout == "hello from the server"

    # The page, behind the proxy by its name, and on the computer.
    assert PAGE in lab.python("Anna", LOOK_UP % ("phonehome.test", PROXYS_DNS))
    page = (
        "-H",
        "X-Phonehome: 1",
        "--resolve",
        f"phonehome.test:80:{PAGE}",
        "http://phonehome.test/report.json",
    )
    shown = json.loads(
        wait_for(lambda: text if ELSEWHERE in (text := lab.curl("Anna", *page).stdout) else "")
    )
    here = lab.inside(lab.computer, "curl", "-s", "-H", "X-Phonehome: 1", "http://127.0.0.1:8090/report.json")
    assert json.loads(subprocess.run(here, capture_output=True, check=True, timeout=20).stdout)["devices"]
    time.sleep(0.5)  # UDP has no end; what is over is over
    said = stop(lab.proxy)
    assert lab.proxy.returncode == 0
    lines = said.partition("Ctrl-C ends")[2].partition("\n\nAnna")[0].splitlines()
    (china,) = [line for line in lines if "  zzhc.vnet.cn  " in line]
    assert "  Anna  zzhc.vnet.cn  China (likely)  AS4134 Chinanet  ACTIVATION" in china
    assert any("  Ben  61.139.2.69  China" in line and "ACTIVATION" in line for line in lines), said
    assert any(
        "  Ben  device-activation.example  Singapore" in line and "TLS refused" in line for line in lines
    )

    again = tmp_path / "report.json"
    named = [part for n, name in enumerate(PHONES) for part in ("--device", f"{name}=wireguard@{51820 + n}")]
    own = ["--geo-db", f"{lab.folder / 'own.mmdb'}@{date.today()}"]
    assert f"phonehome report {capture} {' '.join((*named, *own))} -o report.html" in said
    assert main(["report", str(capture), "--quiet", *named, *own, "-o", str(again)]) == 0
    report = json.loads(again.read_text())
    rows = {
        (device["label"], row["host"] or row["addresses"][0], row["purpose"], row["encrypted"]): row
        for device in report["devices"]
        for row in device["destinations"]
    }
    assert {device["label"] for device in report["devices"]} == set(PHONES)
    anna = rows["Anna", "zzhc.vnet.cn", "activation", "no"]
    assert (anna["country"], anna["acknowledged"], anna["transmissions"]) == ("CN", 1, 1)
    assert rows["Ben", CHINA, "activation", "no"]["country"] == "CN"
    ben = [
        row
        for (label, host, *_), row in rows.items()
        if (label, host) == ("Ben", "device-activation.example")
    ]
    assert [row["tls_not_opened"] for row in ben] == [{"passed": 1, "refused": 1}]
    assert [row["country"] for row in ben] == ["SG"]
    quic_rows = [row for (label, host, *_), row in rows.items() if (label, host) == ("Ben", "quic.example")]
    assert [row["tls_not_opened"] for row in quic_rows] == [{"passed": 1, "refused": 3}]
    assert ("Ben", "zzhc.vnet.cn", "activation", "no") not in rows
    (six,) = [row for (label, host, *_), row in rows.items() if host == IPV6]
    assert rows["Ben", IPV6, "unclassified", "no"] == six
    hers = [
        row
        for (label, host, *_), row in rows.items()
        if (label, host) == ("Anna", "device-activation.example")
    ]
    assert [row["tls_not_opened"] for row in hers] == [{}]
    assert any(label == "Anna" and host == "api.weather.example" for label, host, *_ in rows)

    (log,) = (lab.folder / "captures").glob("*.jsonl")
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    requests = [line for line in logged if line["event"]["action"] == "activation-request"]
    # Log, page, line and report say the same of an activation.
    finland = rows["Anna", ELSEWHERE, "activation", "no"]
    assert finland["country"] == "FI"
    (logged_there,) = [line for line in requests if line["destination"]["ip"] == ELSEWHERE]
    assert logged_there["destination"]["geo"]["country_iso_code"] == "FI"
    inside = {one["kind"]: one["value"] for one in logged_there["phonehome"]["identifiers"]}
    assert inside == {one["kind"]: one["value"] for one in finland["identifiers"]}
    assert set(inside) == {"imei", "iccid"}
    (shown_there,) = [
        row
        for device in shown["devices"]
        if device["label"] == "Anna"
        for row in device["rows"]
        if ELSEWHERE in (row["host"], *row["addresses"])
    ]
    assert shown_there["activation"]
    (line,) = [line for line in lines if f"  Anna  {ELSEWHERE}  Finland" in line]
    for masked in inside.values():
        assert any(masked in text for text in shown_there["identifiers"])
        assert masked in line
    assert "Finland" in shown_there["where"]
    activations = [row for (_, _, purpose, _), row in rows.items() if purpose == "activation"]
    assert len(requests) == sum(row["transmissions"] for row in activations)
    assert str(Path.home()) not in capture.read_bytes().decode("latin-1")

    run = subprocess.run([MITMDUMP, "-nr", capture], capture_output=True, text=True, timeout=60, check=True)
    # On a busy machine the alert may come with the end of the connection, and is not read.
    told = (
        "it does not trust the proxy's certificate",
        "it closed the connection when it saw the proxy's certificate",
    )
    assert any(f"refused: {reason}" in run.stdout for reason in told)
    assert len(transmissions(capture)) == sum(row["transmissions"] for row in rows.values())
