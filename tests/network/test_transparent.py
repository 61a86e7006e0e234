"""A phone behind the computer as its router, in mitmproxy's transparent mode, and with no name server at all.

The network is that of test_two_phones.py, without WireGuard; needs Debian's nftables as well.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from phonehome.addons.own_names import CERTIFICATE, PAGE
from tests.network.parts import stop, transmissions, wait_for
from tests.network.test_two_phones import CHINA, WHY_NOT, Lab, ip

pytestmark = pytest.mark.skipif(
    bool(WHY_NOT) or not shutil.which("nft"), reason=WHY_NOT or "needs nft, for a router"
)
PORT = 8080
RULES = f"""
table ip nat {{
  chain prerouting {{
    type nat hook prerouting priority dstnat;
    iifname "%s" tcp dport {{ 80, 443 }} redirect to :{PORT}
  }}
}}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with ExitStack() as cleanup:
        made = Lab(tmp_path, cleanup)
        made.computers([], "--mode", f"transparent@{PORT}")
        space = made.plug_in(1, "Anna")
        ip("-n", space, "route", "add", "default", "via", "10.213.1.1")
        rules = RULES % made.cable(1)
        subprocess.run(
            made.inside(made.computer, "nft", "-f", "-"), input=rules, text=True, check=True, timeout=20
        )
        yield made


def test_the_pages_are_there_by_address_and_the_rest_passes(lab: Lab) -> None:
    assert wait_for(lambda: "BEGIN CERTIFICATE" in lab.curl("Anna", f"http://{CERTIFICATE}/cert/pem").stdout)
    assert "<title>" in lab.curl("Anna", f"http://{PAGE}/").stdout
    own = ("-H", "X-Phonehome: 1", f"http://{PAGE}/report.json")
    assert wait_for(lambda: '"devices"' in lab.curl("Anna", *own).stdout)
    by_name = ("--resolve", f"mitm.it:80:{CHINA}", "http://mitm.it/cert/pem")
    assert "BEGIN CERTIFICATE" in lab.curl("Anna", *by_name).stdout, "its name may lead elsewhere"
    assert lab.curl("Anna", f"http://{CHINA}/plain").stdout == "hello from the server"
    said = stop(lab.proxy)
    assert f"http://{CERTIFICATE}/ on the phone is the page with the certificate" in said
    (capture,) = (lab.folder / "captures").glob("*.mitm")
    (sent,) = [one for one in transmissions(capture) if one.origin == "device"]
    assert (sent.address, sent.path, sent.proxy_mode) == (CHINA, "/plain", f"transparent@{PORT}")
