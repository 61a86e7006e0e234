"""TLS between a client and a server in this process, as packets: a capture with its keys, without a network."""

import ssl
from pathlib import Path

from tests.sources.packets.build import Talk
from tests.sources.packets.live import NAME, certificate


class TlsTalk:
    """A connection. What both have to say goes through TLS into `talk`; the keys are in `log`."""

    def __init__(
        self, folder: Path, talk: Talk | None = None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> None:
        crt, pem = certificate(folder)
        self.log = folder / "keys.log"
        self.talk = talk or Talk(port=443)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(crt)
        client.maximum_version = version
        client.keylog_filename = str(self.log)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(crt, pem)
        self._in = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ends = (
            client.wrap_bio(self._in[0], self._out[0], server_hostname=NAME),
            server.wrap_bio(self._in[1], self._out[1], server_side=True),
        )
        self.talk.open()
        for _ in range(4):
            for end in self._ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                self._move()

    def _move(self) -> None:
        for sender in (0, 1):
            if data := self._out[sender].read():
                (self.talk.send if sender == 0 else self.talk.reply)(data)
                self._in[1 - sender].write(data)

    def send(self, data: bytes) -> "TlsTalk":
        return self._say(0, data)

    def reply(self, data: bytes) -> "TlsTalk":
        return self._say(1, data)

    def _say(self, sender: int, data: bytes) -> "TlsTalk":
        self._ends[sender].write(data)
        self._move()
        while True:
            try:
                self._ends[1 - sender].read(1 << 20)
            except ssl.SSLWantReadError:
                return self
