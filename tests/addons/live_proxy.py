"""A real mitmdump with the live report, a server behind it, and raw requests: for the tests of the live report."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.network.parts import MITMDUMP, ROOT, free_port, listens, running, wait_for, web_server


class Proxy(NamedTuple):
    process: subprocess.Popen[str]
    port: int
    report_port: int
    server_port: int
    saved: Path


@contextlib.contextmanager
def live_proxy(folder: Path) -> Iterator[Proxy]:
    with web_server() as server:
        port, report_port, saved = free_port(), free_port(), folder / "saved.mitm"
        command = [MITMDUMP, "-s", ROOT / "addons" / "live_report.py", "--listen-host", "127.0.0.1"]
        command += ["-p", port, "-w", saved, "--set", f"confdir={folder / 'conf'}"]
        command += ["--set", f"phonehome_live_report_port={report_port}"]
        with running(command, port, cwd=folder) as process:
            assert wait_for(lambda: listens(report_port))
            yield Proxy(process, port, report_port, server, saved)


def raw(port: int, request: str) -> tuple[int, dict[str, str], bytes]:
    """Sends these bytes, and reads status, header fields (lower case) and body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode())
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return 0, {}, data
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        while len(body) < int(headers.get("content-length", "0")) and (more := connection.recv(65536)):
            body += more
    return int(first.split(" ")[1]), headers, body


def send(proxy: Proxy, path: str, *, headers: str = "", body: str = "", host: str = "") -> int:
    """A request of the phone's, through the proxy; returns the status."""
    method = "POST" if body else "GET"
    name = host or f"127.0.0.1:{proxy.server_port}"
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    status, _, _ = raw(
        proxy.port,
        f"{method} http://127.0.0.1:{proxy.server_port}{path} HTTP/1.1\r\nHost: {name}\r\n{headers}{length}\r\n{body}",
    )
    return status
