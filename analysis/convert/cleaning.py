"""Identifiers taken out of what was sent, so that it can be handed on.

Strategy: what was found in the whole capture is replaced wherever it stands in a form that can be written anew (plain,
percent-encoded, hexadecimal, hashed), the same value by the same placeholder. Then the result is examined as any
transmission is, in every encoding that can be read. A part in which still something is found, or that cannot be
understood, is replaced as a whole by a note. So nothing has to be known of how it was encoded, compressed or signed.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import ahocorasick

from phonehome.analysis.decoding.values import Decoded
from phonehome.analysis.examiner import Examiner
from phonehome.analysis.identifiers.finding import Finding
from phonehome.analysis.identifiers.known import (
    LONGEST,
    MOST_VALUES,
    SHORTEST,
    Known,
    KnownValues,
    forms,
)
from phonehome.analysis.identifiers.mask import Masks
from phonehome.analysis.render.masking import is_secret
from phonehome.analysis.transmission import Reply, Transmission

NOTE: Final = (
    b"[removed by phonehome: it holds an identifier, or may hold one, in a form that cannot be rewritten]"
)
MASKED: Final = "masked"
"""What stands in the place of a part that is no body; also how every placeholder begins."""
PATIENCE: Final = 4
"""Times that a transmission is examined before all that it carries is removed."""
_ANYWHERE: Final = 8
"""Bytes of a form from which on it is replaced inside a longer word, too."""
_CREDENTIALS: Final = frozenset({"cookie", "authorization", "proxy-authorization"})
"""Headers whose values are secrets whatever they are (RFC 9110, RFC 6265)."""
_LENGTH: Final = "content-length"
_TYPE: Final = "content-type"
_SHORTEST: Final = 24
"""Characters of a body that may be base64."""
_BODIES: Final = frozenset({"body", "message", "content"})
_OF_BODY: Final = frozenset({"content-encoding", "transfer-encoding"})
_ALNUM: Final = re.compile(rb"[0-9A-Za-z]").match
_PAIR: Final = re.compile(r"([?&])([^=&?]*+)=([^&]*+)")


class Cleaner:
    """Cleans the transmissions of a capture, of which all identifiers are known."""

    def __init__(self, examiner: Examiner, identifiers: Iterable[tuple[str, str]]) -> None:
        """`identifiers` are kinds and values; those that are no secret (a model) stay."""
        self._examiner = examiner
        self._masks = Masks()
        self._clients: dict[str, str] = {}
        secrets = [(kind, value) for kind, value in dict.fromkeys(identifiers) if is_secret(kind, value)]
        self._secrets = {value: self._placeholder(kind, value) for kind, value in secrets}
        pieces: dict[str, str] = {}
        for value, shown in self._secrets.items():
            for piece in (value, *(value.split(",") if "," in value else ())):
                if SHORTEST <= len(piece.strip()) <= LONGEST:
                    pieces.setdefault(piece.strip(), shown)
        self._automaton = _automaton(pieces)
        values = [Known("value", piece) for piece in pieces]
        self._known = [
            KnownValues(values[start : start + MOST_VALUES]) for start in range(0, len(values), MOST_VALUES)
        ]
        self.removed = 0
        """Parts that were replaced as a whole."""

    def clean(self, sent: Transmission) -> Transmission:
        """The transmission without identifiers."""
        found = self._rewritten(sent._replace(truncated=0))
        for _ in range(PATIENCE):
            left = self._left(found)
            if not left:
                break
            for path in left:
                found = self._without(found, path)
        else:
            self.removed += 1
            found = found._replace(
                path=f"/{MASKED}",
                headers=(),
                payloads=(NOTE,) if found.payloads else (),
                questions=(),
                method="POST",
            )
            if self._left(found):
                found = found._replace(host=f"{MASKED}.invalid", authority=None)
        size = str(len(found.payloads[0])) if found.payloads else "0"
        headers = [
            (name, size if name.lower() == _LENGTH else value)
            for name, value in found.headers
            if found.payloads != (NOTE,) or name.lower() not in _OF_BODY
        ]
        return found._replace(headers=tuple(headers), reply=self._reply(sent.reply), answers=(), flow_id="")

    def _rewritten(self, sent: Transmission) -> Transmission:
        headers = [(self._text(name), self._header(name, value)) for name, value in sent.headers]
        return sent._replace(
            client=self._client(sent.client) if sent.client else None,
            host=self._host(sent.host),
            authority=self._host(sent.authority),
            host_candidates=(),
            method=self._text(sent.method) if sent.method else None,
            path=self._text(sent.path),
            headers=tuple(headers),
            payloads=tuple(map(self._payload, sent.payloads)),
            questions=tuple(map(self._text, sent.questions)),
            error=self._text(sent.error) if sent.error else None,
        )

    def _client(self, address: str) -> str:
        """An address of those for documentation (RFC 5737, RFC 2544), the same for the same phone."""
        number = len(self._clients) + 1
        made = f"192.0.2.{number}" if number < 255 else f"198.18.{number >> 8 & 255}.{number & 255}"
        return self._clients.setdefault(address, made)

    def _header(self, name: str, value: str) -> str:
        key = name.lower()
        if key == "cookie":
            pairs = [pair.partition("=") for pair in value.split(";")]
            return ";".join(
                f"{self._text(name)}={self._credential('cookie', text)}" for name, _, text in pairs
            )
        if key in _CREDENTIALS:
            scheme, blank, rest = value.partition(" ")
            return (
                f"{scheme} {self._credential('token', rest)}" if blank else self._credential("token", value)
            )
        return self._text(value)

    def _credential(self, kind: str, text: str) -> str:
        return self._placeholder(kind, text) if text else text

    def _placeholder(self, kind: str, value: str) -> str:
        return f"{MASKED}-{kind}-{self._masks.number(kind, value)}"

    def _host(self, host: str | None) -> str | None:
        return self._text(host) if host else host

    def _text(self, text: str) -> str:
        return self._bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def _bytes(self, data: bytes) -> bytes:
        """The same with all forms of all values replaced that can be."""
        if self._automaton is None or not data:
            return data
        json = data.lstrip()[:1] in (b"{", b"[")
        pieces: list[bytes] = []
        position = 0
        for last, (length, bounded, shown) in self._automaton.iter_long(data.lower().decode("latin-1")):
            start, end = last - length + 1, last + 1
            if bounded and (_ALNUM(data[max(start - 1, 0) : start]) or _ALNUM(data[end : end + 1])):
                continue
            bare = (
                json
                and data[:start].rstrip()[-1:] in (b":", b",", b"[")
                and data[end : end + 1] in b",}] \r\n\t"
            )
            pieces += (data[position:start], b'"%s"' % shown if bare else shown)
            position = end
        return b"".join((*pieces, data[position:])) if pieces else data

    def _payload(self, data: bytes) -> bytes:
        """The same of a body; one that is base64 as a whole is taken apart for it, and put together again."""
        found = self._bytes(data)
        if found != data:
            return found
        text = data.translate(None, b"\r\n")
        if len(text) < _SHORTEST or len(text) % 4:
            return data
        try:
            inside = base64.b64decode(text, validate=True)
        except ValueError:
            return data
        changed = self._bytes(inside)
        if changed == inside:
            return data
        return base64.encodebytes(changed) if b"\n" in data else base64.b64encode(changed)

    def _reply(self, reply: Reply | None) -> Reply | None:
        if reply is None:
            return None
        # Of the other headers of an answer nobody knows what is in them.
        reply = reply._replace(
            edge=tuple((name, self._text(value)) for name, value in reply.edge if name.lower() == _TYPE)
        )
        if not reply.body:
            return reply
        body = self._bytes(reply.body)
        decoded = self._examiner.decoder.decode_bytes(body, "", reply.encoding)
        left = decoded.opaque or self._in(self._examiner.recogniser.recognise(decoded))
        if left or any(known.search_values(decoded) for known in self._known) or self._holds(body):
            self.removed += 1
            return reply._replace(body=NOTE, size=len(NOTE), encoding="", edge=())
        return reply._replace(body=body, size=len(body))

    # What is left, and what is done about it.

    def _left(self, sent: Transmission) -> list[tuple[str, ...]]:
        """Where something is left that is an identifier, or may be one."""
        evidence = self._examiner.examine(sent)
        decoded = Decoded(evidence.values, evidence.opaque)
        left = [part.path for part in evidence.opaque if part.size > len(MASKED)]
        left += self._in(evidence.findings)
        left += [finding.path for known in self._known for finding in known.search(sent, decoded)]
        if evidence.fault or any(map(self._holds, sent.payloads)):
            left.append(("body",))
        # What is not there, or a note already, cannot be told from what is not understood.
        settled = sent.payloads in ((), (NOTE,))
        return [path for path in dict.fromkeys(left) if path and not (settled and path[0] in _BODIES)]

    @staticmethod
    def _in(findings: Iterable[Finding]) -> list[tuple[str, ...]]:
        return [
            found.path
            for found in findings
            if is_secret(found.kind, found.value) and MASKED not in found.value and found.kind != "ip-address"
        ]

    def _holds(self, data: bytes) -> bool:
        """Whether bytes hold a value as it is, or in UTF-16, which no form has."""
        wide = data.replace(b"\x00", b"").lower().decode("latin-1")
        return self._automaton is not None and any(
            not bounded or length >= _ANYWHERE for _, (length, bounded, _) in self._automaton.iter_long(wide)
        )

    def _without(self, sent: Transmission, path: Sequence[str]) -> Transmission:
        """The transmission without the part that a path leads to."""
        root, name = path[0], path[1] if len(path) > 1 else ""
        self.removed += 1
        if root in _BODIES:
            return sent._replace(payloads=(NOTE,) if sent.payloads else ())
        if root == "header" or root == "cookie":
            wanted = "cookie" if root == "cookie" else name.lower()
            headers = [(key, MASKED if key.lower() == wanted else value) for key, value in sent.headers]
            if tuple(headers) == sent.headers:  # the name itself, or a name that is written otherwise
                headers = [
                    (key, value) for key, value in sent.headers if key.lower() in ("host", "content-type")
                ]
            return sent._replace(headers=tuple(headers))
        if root == "query" and name and "?" in sent.path:
            changed = _PAIR.sub(
                lambda match: f"{match[1]}{match[2]}={MASKED}" if match[2] == name else match[0], sent.path
            )
            return sent._replace(path=changed if changed != sent.path else sent.path.partition("?")[0])
        if root == "host":
            return sent._replace(host=f"{MASKED}.invalid" if sent.host else None, authority=None)
        if root == "method":
            return sent._replace(method="POST")
        if root == "question":
            return sent._replace(questions=())
        return sent._replace(path=f"/{MASKED}")


def _automaton(pieces: dict[str, str]) -> Any:
    """Finds the forms of values that can be replaced as they stand; None if there is none."""
    automaton = ahocorasick.Automaton()
    for value, shown in pieces.items():
        for form in _replaceable(value):
            automaton.add_word(form.decode("latin-1"), (len(form), len(form) < _ANYWHERE, shown.encode()))
    if not len(automaton):
        return None
    automaton.make_automaton()
    return automaton


def _replaceable(value: str) -> Iterator[bytes]:
    """Forms that stand by themselves, in lower case."""
    for form in forms(value):
        if not form.cased:
            yield form.pattern.lower()
