"""Starts mitmproxy with the addons, and tells how to bring a phone to it.

What the command `phonehome proxy` runs. It may know both `addons` and `analysis`; `analysis` imports it when the
command is given, and not before.
"""

import asyncio
import gc
import json
import logging
import os
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import mitmproxy_rs
from mitmproxy import connection, ctx, exceptions, log, options
from mitmproxy.master import Master
from mitmproxy.net import local_ip
from mitmproxy.proxy.mode_servers import ServerInstance, WireGuardServerInstance
from mitmproxy.tools.dump import DumpMaster
from mitmproxy.tools.web.master import WebMaster

from phonehome.addons import wireguard
from phonehome.addons.activation_log import ActivationLog
from phonehome.addons.attempts import Attempts
from phonehome.addons.capture import CaptureWriter
from phonehome.addons.commands import Commands
from phonehome.addons.live_report import LiveReport
from phonehome.addons.own_names import CERTIFICATE, PAGE, OwnNames
from phonehome.addons.own_network import OwnNetwork
from phonehome.addons.process_names import ProcessNames
from phonehome.addons.streams import Streams
from phonehome.addons.undecrypted_tls import UndecryptedTls
from phonehome.analysis.render.escape import printable

ENDS: Final = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
"""Signals that end the proxy as Ctrl-C does: the report follows."""
FIRST_PORT: Final = 51820
"""UDP port of the first phone's WireGuard, the usual one; each further phone has the next."""
SWITCH: Final = 0.001
"""Seconds after which a thread that computes lets the event loop go on; by itself Python takes 5 ms."""
LARGE: Final = "10m"
"""Bodies of more than that are passed on as they come, and not kept: many of them would fill memory."""
ALONE: Final = 60.0
"""Seconds without a phone until it is said what to check."""
MAX_GREETED: Final = 100
MAX_FAULTS: Final = 100
"""Different faults that are shown; the same one is shown once."""

logger = logging.getLogger(__name__)

_NAME: Final = re.compile(r"[\w][\w .-]{0,40}")

_CERTIFICATE: Final = (
    "  The certificate: open http://mitm.it on the phone, download the one for its system, and install it.",
    "    Android: Settings > Security > Encryption & credentials > Install a certificate > CA certificate",
    "    iOS: Settings > General > VPN & Device Management, then General > About > Certificate Trust Settings",
    "  Without it nothing that is encrypted can be opened. With it, Android 7 and newer trust it only in apps that "
    "allow it (browsers do), and some apps take no certificate but their own. That is normal: what stays closed is "
    "let through from the second try on, and recorded: where it goes, when and how much, not what.",
)


class ProxyError(Exception):
    """The proxy cannot run; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class TunnelPhone:
    """A phone with a WireGuard configuration of its own."""

    name: str
    mode: str
    """mitmproxy's mode specification."""
    configuration: Path
    """What the phone's WireGuard app imports."""
    device: str
    """As `--device` of `phonehome report` wants it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for."""

    capture: Path
    activation_log: Path
    phones: Sequence[TunnelPhone]
    modes: Sequence[str]
    """Other modes of mitmproxy."""
    address: str | None = None
    """Address of this computer as the phone sees it; None is mitmproxy's guess."""
    allow_local: bool = False
    """Whether phones may connect to this computer and its network."""
    web: bool = False
    undecrypted_tls: str = "after-refusal"
    geo_db: Sequence[str] = ()
    """The user's own location databases."""
    at: str = ""
    """Where this computer is, as `--at` has it; empty if the user does not say."""
    catalogue: Sequence[str] = ()
    extra: Sequence[str] = ()
    """Options of mitmproxy, each `NAME=VALUE`."""


def data_folder() -> Path:
    """Where captures and keys of this user are kept (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "phonehome"


def new_capture(folder: Path) -> Path:
    """A name for a new capture, by the time in UTC. Makes the folder, for its owner only. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    for number in range(1, 1000):
        path = folder / (f"{now}.mitm" if number == 1 else f"{now}-{number}.mitm")
        if not path.exists():
            return path
    raise FileExistsError(17, "too many captures in this second", str(folder))


def phones(names: Iterable[str], first_port: int = FIRST_PORT) -> list[TunnelPhone]:
    """Phones by these names, each with keys that stay the same from run to run, and a port. Raises ProxyError."""
    folder = data_folder() / "phones"
    made: list[TunnelPhone] = []
    names = list(names)
    for number, (name, tunnel) in enumerate(zip(names, wireguard.tunnel_names(names), strict=True)):
        if not _NAME.fullmatch(name):
            raise ProxyError(f"--phone {name!r}: use letters, digits, spaces, dots and dashes, at most 40")
        if any(phone.name == name for phone in made):
            raise ProxyError(f"--phone {name!r} is given twice")
        port = first_port + number
        keys = folder / f"{name}.keys.json"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not keys.exists():
                genkey = mitmproxy_rs.wireguard.genkey
                pair = {"server_key": genkey(), "client_key": genkey()}
                _write_private(keys, json.dumps(pair, indent=4).encode())
        except OSError as error:
            raise ProxyError(f"cannot keep the keys of {name!r} in {folder}: {error.strerror}") from error
        # The mode goes into each flow, and so into reports, where the name of the user's home is nobody's business.
        mode = f"wireguard:{_from_home(keys)}@{port}"
        made.append(TunnelPhone(name, mode, folder / f"{tunnel}.conf", f"{name}=wireguard@{port}"))
    return made


def run(settings: Settings) -> None:
    """Runs the proxy until Ctrl-C or SIGTERM. Raises ProxyError if it cannot start."""
    faults = _Faults()
    try:
        asyncio.run(_run(settings, faults))
    except SystemExit as error:  # mitmproxy's way to say that it did not start
        raise ProxyError(_with_advice(faults.first or "mitmproxy did not start")) from error
    except exceptions.OptionsError as error:
        raise ProxyError(str(error)) from error
    except OSError as error:
        raise ProxyError(error.strerror or str(error)) from error


async def _run(settings: Settings, faults: "_Faults") -> None:
    logging.getLogger().setLevel(logging.INFO if settings.web else logging.WARNING)
    logging.getLogger("phonehome.addons").setLevel(logging.INFO)
    logging.getLogger("phonehome.addons.live_report").setLevel(
        logging.WARNING
    )  # where it is is said by `Instructions`
    for noisy in ("tornado", "asyncio", "hpack", "quic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    opts = options.Options()
    master: Master = (
        WebMaster(opts, with_termlog=False)
        if settings.web
        else DumpMaster(opts, with_termlog=False, with_dumper=False)
    )
    sys.setswitchinterval(SWITCH)
    faults.install()
    try:
        # Before the live report, which leads its own name to this computer.
        master.addons.add(OwnNetwork(), Attempts(), UndecryptedTls(), ActivationLog(), LiveReport())
        master.addons.add(ProcessNames(), Commands(), Streams(), CaptureWriter())
        master.addons.add(Instructions(settings, master, faults), own := OwnNames())
        # Before mitmproxy's resolver, which would wait for a name server of the internet.
        master.addons.chain.insert(0, master.addons.chain.pop(master.addons.chain.index(own)))
        opts.update(
            mode=[*(phone.mode for phone in settings.phones), *settings.modes],
            connection_strategy="lazy",  # what is sent counts, whether the destination answers or not
            phonehome_undecrypted_tls=settings.undecrypted_tls,
            phonehome_live_report_lines=True,
            phonehome_allow_local=settings.allow_local,
            phonehome_devices=[phone.device for phone in settings.phones],
            phonehome_geo_db=list(settings.geo_db),
            phonehome_at=settings.at,
            phonehome_catalogue=list(settings.catalogue),
            phonehome_activation_log=str(settings.activation_log),
            phonehome_capture=str(settings.capture),
            show_ignored_hosts=True,
            stream_large_bodies=LARGE,
        )
        # Scripts are loaded later, and can have options of their own.
        opts.set(*settings.extra, defer=any(option.startswith("scripts=") for option in settings.extra))
        loop = asyncio.get_running_loop()
        for number in ENDS:
            try:
                loop.add_signal_handler(number, master.shutdown)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: master.shutdown())
        if hasattr(signal, "SIGPIPE"):
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        await master.run()
    finally:
        faults.uninstall()


class Instructions:
    """An addon that says, once the proxy listens, what to do on the phone."""

    def __init__(self, settings: Settings, master: Master, faults: "_Faults") -> None:
        self._settings = settings
        self._master = master
        self._faults = faults
        self._names = {phone.mode: phone.name for phone in settings.phones}
        self._greeted: set[str] = set()

    def running(self) -> None:
        if ctx.options.deferred:
            logger.error(f"--set: no addon has an option of this name: {', '.join(ctx.options.deferred)}")
            return
        self._faults.starting = False
        # mitmproxy ends if anything is amiss before this hook is over, and traffic flows already.
        self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        settings = self._settings
        names = {phone.mode: phone for phone in settings.phones}
        servers = ctx.master.addons.get("proxyserver").servers
        for server in servers:
            spec = server.mode.full_spec
            phone = names.get(spec)
            if isinstance(server, WireGuardServerInstance):
                _say(*self._wireguard(server, phone))
            else:
                _say(*self._other(server))
        _say(*_CERTIFICATE)
        gc.collect()
        gc.freeze()  # what is there by now stays: no need to look through it again and again
        live = ctx.master.addons.get("livereport")
        await live.ready.wait()
        if isinstance(self._master, WebMaster):
            codes = ", and the code to scan (under Capture)" if settings.phones else ""
            _say(f"  What passes{codes}: {self._master.web_url}")
        _say(
            f"  The report so far: {live.url} here, http://{ctx.options.phonehome_live_report_host}/ on the phone",
            f"  Everything is saved to {settings.capture}",
            f"  Activation requests are logged to {settings.activation_log}",
            "  Each new destination gives a line below. Ctrl-C ends, and gives the report.",
            "",
        )
        asyncio.get_running_loop().call_later(ALONE, self._what_to_check)

    def client_connected(self, client: connection.Client) -> None:
        """Greets a phone, once."""
        phone = self._names.get(client.proxy_mode.full_spec) or client.peername[0]
        if phone not in self._greeted and len(self._greeted) < MAX_GREETED:
            self._greeted.add(phone)
            _say(f"  {printable(phone)} is connected.")

    def _what_to_check(self) -> None:
        waiting = [phone.name for phone in self._settings.phones if phone.name not in self._greeted]
        if waiting:
            _say(
                f"  Nothing has come from {', '.join(waiting)} yet. Is the tunnel switched on, in the same network? "
                "Does a firewall let UDP in? A guest Wi-Fi often keeps devices apart: use the computer's hotspot then."
            )

    def _wireguard(self, server: WireGuardServerInstance, phone: TunnelPhone | None) -> list[str]:
        title = f"Phone {phone.name!r}:" if phone else f"{server.mode.full_spec}:"
        given = self._settings.address
        addresses = [given] if given else wireguard.own_addresses()
        if not addresses:
            return [
                title,
                "  The address of this computer is not known, and the phone needs it: say --address ADDRESS.",
            ]
        host = wireguard.checked_host(addresses[0])
        configuration = wireguard.configuration(server.client_conf() or "", host)
        server.client_conf = lambda: configuration  # type: ignore[method-assign]  # mitmweb's page shows it too
        lines = [title]
        if phone:
            _write_private(phone.configuration, f"{configuration}\n".encode())
        if sys.stdout.isatty():
            lines += _to_scan(configuration, phone)
            lines += [f"  The same as a file: {phone.configuration}"] if phone else []
        elif phone:
            lines += [f"  Install the app WireGuard, choose + and import the file {phone.configuration}"]
        else:
            lines += ["  Install the app WireGuard, choose + and import:", "", configuration, ""]
        others = f"This computer also has {', '.join(addresses[1:])}: if" if addresses[1:] else "If"
        wrong = "the phone is there" if addresses[1:] else "the address is wrong"
        return [
            *lines,
            f"  Phone and computer must be in one network: the phone sends to {host}:{server.listen_addrs[0][1]} "
            f"by UDP, which a firewall here must let in. {others} {wrong}, say --address.",
        ]

    def _other(self, server: ServerInstance[Any]) -> list[str]:
        address = (
            self._settings.address or local_ip.get_local_ip() or local_ip.get_local_ip6() or "this computer"
        )
        ports = sorted({listens[1] for listens in server.listen_addrs})
        where = f"{address}, port {', '.join(map(str, ports))}" if ports else "no port of its own"
        lines = [f"{server.mode.description}: {where}"]
        if server.mode.type_name == "transparent":
            lines += [
                f"  Where names do not resolve, http://{CERTIFICATE}/ on the phone is the page with the certificate, "
                f"and http://{PAGE}/ that with the report."
            ]
        if server.mode.type_name == "regular":
            lines += [
                f"  On the phone, in the settings of its Wi-Fi: proxy manual, host {address}, port {ports[0]}.",
                "  Apps that pass by the proxy are not seen this way; WireGuard (the default) sees them.",
            ]
        if server.mode.type_name in ("regular", "socks5"):
            inside = (
                "and this computer and its network" if self._settings.allow_local else "but nothing inside"
            )
            lines += [
                "  Whoever is in this network can use it while it runs, because a phone's settings seldom take a "
                f"password: they reach the internet, {inside}. --set proxyauth=USER:PASSWORD asks for one."
            ]
        return lines


class _Faults(log.MitmLogHandler):
    """Shows what goes wrong, each fault once, as a line for people. Traffic goes on."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)  # type: ignore[no-untyped-call]
        self.first = ""
        self.starting = True
        """Until the proxy runs, an error ends it, and is then said by whoever started it."""
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name.startswith("phonehome.addons")
        if record.levelno < logging.ERROR and not ours:
            return
        text = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            text = f"a fault ({record.exc_info[0].__name__}: {record.exc_info[1]}{_place(record)}); traffic goes on"
        if record.levelno >= logging.ERROR:
            self.first = self.first or text
            if self.starting:
                return
        if text in self._said or len(self._said) > MAX_FAULTS:
            return
        self._said.add(text)
        print(f"phonehome: {printable(text)}", file=sys.stderr, flush=True)


def _with_advice(text: str) -> str:
    lower = text.lower()
    if "in use" in lower or "failed to bind" in lower:
        return f"{text}. Another program, perhaps phonehome itself, has this port: end it, or say --port or --mode"
    if "permission denied" in lower or "not permitted" in lower:
        return (
            f"{text}. This needs more rights: use a port from 1024 on, or another mode (WireGuard needs none)"
        )
    return text


def _place(record: logging.LogRecord) -> str:
    """Where it was raised, for a bug report."""
    trace = record.exc_info[2] if record.exc_info else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f", in {Path(trace.tb_frame.f_code.co_filename).name} line {trace.tb_lineno}"


def _to_scan(configuration: str, phone: TunnelPhone | None) -> list[str]:
    """The code, or where it does not fit into the terminal, what to do."""
    code = wireguard.code(configuration)
    size = shutil.get_terminal_size()
    if len(code) <= size.lines and 2 * len(code) <= size.columns:
        return ["  Install the app WireGuard, choose + and scan this code:", "\n".join(code)]
    if phone is None:
        return ["  The code to scan does not fit into this terminal: make it larger and start again."]
    picture = phone.configuration.with_suffix(".png")
    _write_private(picture, wireguard.picture(configuration))
    return [
        "  The code to scan does not fit into this terminal. Install the app WireGuard, choose +, and scan the code in",
        f"  {picture}",
    ]


def _say(*lines: str) -> None:
    """Prints lines; on a terminal those that are too long for it are folded between words."""
    if sys.stdout.isatty():
        width = max(40, shutil.get_terminal_size().columns)
        lines = tuple(folded for line in lines for folded in _folded(line, width))
    print("\n".join(lines), flush=True)


def _folded(line: str, width: int) -> list[str]:
    if "\n" in line or len(line) <= width:  # a code to scan, or short
        return [line]
    text = line.lstrip()
    indent = line[: -len(text)]
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _write_private(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _from_home(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
