"""Saves every flow to one new file, as it ends.

    mitmdump -s addons/capture.py --set capture=phone.mitm

As mitmproxy's own `save_stream_file` does, with three differences. A flow is in the file before mitmproxy passes on the
end of it, so whoever saw an answer finds it there, and `kill -9` costs only what was not over. A flow that is large
is written in a thread, so that other traffic does not wait for the disk. And when the disk is full the proxy neither
ends nor leaves half a flow: the file is cut back to the last whole one, the user is told, and it goes on trying.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Coroutine
from typing import Any, Final

from mitmproxy import ctx, dns, exceptions, flow, http, tcp, udp
from mitmproxy.addonmanager import Loader

from addons.flow_bytes import encode
from analysis.readers import live_flow

logger = logging.getLogger(__name__)

LONG: Final = 64 << 10
"""Bytes; what is longer is written in a thread."""
MANY: Final = 500
"""Messages; a stream with more is also encoded in a thread."""

Later = Coroutine[Any, Any, None] | None
"""What a hook gives back: what mitmproxy is to wait for, or nothing."""


class Capture:
    """The addon. Its state is the file and the flows that are not over."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._size = 0
        self._lock = threading.Lock()
        self._open: dict[str, flow.Flow] = {}
        self._full = False
        self.lost = 0
        """Flows that could not be written."""

    def load(self, loader: Loader) -> None:
        loader.add_option("capture", str, "", "New file that every flow is saved to (mode 0600).")

    def configure(self, updated: set[str]) -> None:
        if "capture" not in updated:
            return
        self._close()
        path = ctx.options.capture
        if path:
            try:
                self._file = os.open(os.path.expanduser(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError as error:
                message = f"capture: cannot make {path}: {error.strerror}"
                raise exceptions.OptionsError(message) from error  # type: ignore[no-untyped-call]
            self._size = 0

    def done(self) -> None:
        for unfinished in list(self._open.values()):
            self._write(encode(unfinished))
        self._open.clear()
        if self.lost:
            logger.error(f"capture: {self.lost} flows are not in {ctx.options.capture}")
        self._close()

    def request(self, flow: http.HTTPFlow) -> None:
        self._begun(flow)

    def response(self, flow: http.HTTPFlow) -> Later:
        return self._over(flow) if flow.websocket is None else None

    def error(self, flow: http.HTTPFlow) -> Later:
        return self._over(flow) if flow.websocket is None else None

    def websocket_end(self, flow: http.HTTPFlow) -> Later:
        return self._over(flow)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        self._begun(flow)

    def tcp_end(self, flow: tcp.TCPFlow) -> Later:
        return self._over(flow)

    def tcp_error(self, flow: tcp.TCPFlow) -> Later:
        return self._over(flow)

    def udp_start(self, flow: udp.UDPFlow) -> None:
        self._begun(flow)

    def udp_end(self, flow: udp.UDPFlow) -> Later:
        return self._over(flow)

    def udp_error(self, flow: udp.UDPFlow) -> Later:
        return self._over(flow)

    def dns_request(self, flow: dns.DNSFlow) -> None:
        self._begun(flow)

    def dns_response(self, flow: dns.DNSFlow) -> Later:
        return self._over(flow)

    def dns_error(self, flow: dns.DNSFlow) -> Later:
        return self._over(flow)

    def _begun(self, flow: flow.Flow) -> None:
        if self._file is not None:
            self._open[flow.id] = flow

    def _over(self, flow: flow.Flow) -> Later:
        self._open.pop(flow.id, None)
        if self._file is None:
            return None
        if live_flow.length(flow) > MANY:
            return asyncio.to_thread(lambda: self._write(encode(flow)))
        content = encode(flow)
        if sum(map(len, content)) > LONG:
            return asyncio.to_thread(self._write, content)
        self._write(content)
        return None

    def _write(self, content: list[bytes]) -> None:
        """Puts a flow at the end of the file, whole or not at all."""
        with self._lock:
            if self._file is None:
                return
            try:
                self._append(content)
            except OSError as error:
                self.lost += 1
                if not self._full:  # told once, and not for each flow
                    logger.error(
                        f"capture: cannot write to {ctx.options.capture}: {error.strerror}. What is in it is whole, "
                        "traffic goes on, and is NOT saved from here on until there is room"
                    )
                self._full = True
                return
            if self._full:
                logger.error(f"capture: there is room again; {self.lost} flows were not saved")
            self._full = False

    def _append(self, content: list[bytes]) -> None:
        assert self._file is not None
        try:
            for piece in content:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(self._file, rest) :]
        except OSError:
            try:
                os.ftruncate(self._file, self._size)
                os.lseek(self._file, self._size, os.SEEK_SET)
            except OSError:
                pass  # no ordinary file
            raise
        self._size += sum(map(len, content))

    def _close(self) -> None:
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


addons = [Capture()]
