"""Saves every flow to one new file, as it ends.

    mitmdump -s addons/capture.py --set phonehome_capture=phone.mitm

As mitmproxy's own `save_stream_file` does, with three differences. A flow is in the file before mitmproxy passes on the
end of it, so whoever saw an answer finds it there, and `kill -9` costs only what was not over. A thread writes, so that
other traffic does not wait for the disk. And when the disk is full the proxy neither ends nor leaves half a flow: the
file is cut back to the last whole one, the user is told, and it goes on trying.
"""

import asyncio
import logging
import os
from typing import Final

from mitmproxy import ctx, dns, exceptions, flow, http, tcp, udp
from mitmproxy.addonmanager import Loader
from mitmproxy.io import tnetstring

from phonehome.addons.writer import Writer
from phonehome.analysis.sources import live_flow

logger = logging.getLogger(__name__)

MANY: Final = 500
"""Messages; a stream with more is also encoded in the thread,"""
LARGE: Final = 64 << 10
"""and so are bodies of more bytes: copying them takes longer than other traffic should wait."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND

Later = asyncio.Future[None] | None
"""What a hook gives back: what mitmproxy is to wait for, or nothing."""


class CaptureWriter:
    """The addon. Its state is the file and the flows that are not over."""

    def __init__(self) -> None:
        self._writer: Writer | None = None
        self._open: dict[str, flow.Flow] = {}
        self._full = False
        self.lost = 0
        """Flows that could not be written."""

    def load(self, loader: Loader) -> None:
        loader.add_option("phonehome_capture", str, "", "New file that every flow is saved to (mode 0600).")

    def configure(self, updated: set[str]) -> None:
        if "phonehome_capture" not in updated:
            return
        self._close()
        path = ctx.options.phonehome_capture
        if path:
            try:
                file = os.open(os.path.expanduser(path), _NEW, 0o600)
            except OSError as error:
                message = f"capture: cannot make {path}: {error.strerror}"
                raise exceptions.OptionsError(message) from error
            self._writer = Writer(file, self._wrote)

    def done(self) -> None:
        if self._writer is not None:
            for unfinished in list(self._open.values()):
                self._writer.put(_encoded(unfinished))
        self._open.clear()
        self._close()
        if self.lost:
            logger.error(f"capture: {self.lost} flows are not in {ctx.options.phonehome_capture}")

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
        if self._writer is not None:
            self._open[flow.id] = flow

    def _over(self, flow: flow.Flow) -> Later:
        self._open.pop(flow.id, None)
        if self._writer is None:
            return None
        large = live_flow.length(flow) > MANY or _body(flow) > LARGE
        return self._writer.put((lambda: _encoded(flow)) if large else _encoded(flow))

    def _wrote(self, error: OSError | None) -> None:
        if error is not None:
            self.lost += 1
            if not self._full:  # told once, and not for each flow
                logger.error(
                    f"capture: cannot write to {ctx.options.phonehome_capture}: {error.strerror}. What is in it is "
                    "whole, traffic goes on, and is NOT saved from here on until there is room"
                )
        elif self._full:
            logger.error(f"capture: there is room again; {self.lost} flows were not saved")
        self._full = error is not None

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _encoded(flow: flow.Flow) -> tuple[bytes]:
    """A flow as it stands in a flow file."""
    return (tnetstring.dumps(flow.get_state()),)


def _body(flow: flow.Flow) -> int:
    """Bytes of request and answer."""
    if not isinstance(flow, http.HTTPFlow):
        return 0
    answer = flow.response.raw_content if flow.response else None
    return len(flow.request.raw_content or b"") + len(answer or b"")


addons = [CaptureWriter()]
