"""What a text can be encoded in: JSON, XML, a form, a URL, percent-encoding, base64, hexadecimal, a JWT.

Strategy: cheap checks before dear ones: most texts are ruled out by their length or one pass of an expression.
Nearly any word is valid base64, and each hash valid hexadecimal, so an encoding is unwrapped only if what lies
under it is text, JSON, a compressed stream, a property list or a protobuf message beyond reasonable doubt.
"""

import re
from binascii import Error, a2b_base64
from collections.abc import Callable
from typing import Any

from phonehome.analysis.decoding.binary import parse_plist, surely_map
from phonehome.analysis.decoding.charset import is_utf8_text
from phonehome.analysis.decoding.compression import UNMARKED, by_magic
from phonehome.analysis.decoding.http import parse_pairs, to_bytes, unquote
from phonehome.analysis.decoding.limits import Limits
from phonehome.analysis.decoding.looks import LEAST
from phonehome.analysis.decoding.protobuf import surely_message
from phonehome.analysis.decoding.text import framed_json, parse_json, parse_xml

Layer = tuple[str, Any]
"""Name of the layer, and what is under it: text, bytes or a tree."""

SHORTEST = 7
"""Characters of the shortest text that can be in an encoding: `{"a":1}`."""

SHORT = 200
"""Characters up to which it is remembered what is in a text."""

LONGEST_PLAIN = 512
"""Characters up to which `PLAIN` is asked."""

_LEAST_TEXT = 12
"""Bytes of text without other marks that base64 or hexadecimal must give: of random bytes, one in 140,000 runs of
that length is printable ASCII, (95/256)^12."""

_SENTENCE, _BLANKS = 96, 10
"""So many blanks in the first characters are those of a sentence: base64 has a plus sign, which a form makes a
blank, each 64 characters; of texts of base64 one in a million has ten in 96."""

_LEAST_NOISE = LEAST
"""Bytes above which base64 of something that is not understood is passed on, to be counted as such if it is as random
as ciphertext: of fewer nothing can be said, and the longest digest has as many."""

_LEAST_STREAM, _STREAM = 24, 1024
"""Bytes of the shortest stream without a mark that is tried, and that it may become while it is."""

PLAIN = re.compile(
    # What phones send most stands first. Quantifiers with a plus give nothing back, so that a refusal is quick.
    r"(?!eyJ|[Dd]ata:|(?:[Bb]asic|[Bb]earer|[Tt]oken|[Dd]igest) |[0-9]{14,16}@)(?:"
    r"[A-Za-z0-9_\-]{1,15}+\Z"
    # A sentence: base64 has a plus sign, which a form makes a space, each 64 characters.
    r"|[A-Za-z0-9_\-]{1,12}+(?: [A-Za-z0-9_\-]{1,12}+)++\Z"
    # A word of one case: of base64 of 16 characters one in 500,000 is.
    r"|(?:[a-z_\-]++|[A-Z_\-]++)[0-9]{0,4}+\Z"
    r"|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\Z"
    # Hexadecimal that does not begin as ASCII, UTF-8 or a compressed stream does.
    r"|(?!(?:[2-7].|0[9ADad]){6}|[C-Fc-f].[89ABab]|1[Ff]8[Bb]|28[Bb]5|78|62706[Cc])(?:[0-9a-f]{16,128}+|[0-9A-F]{16,128}+)\Z"
    # No base64 behind a prefix.
    r"|(?![A-Za-z0-9_.\-]{1,16}+[:|$][A-Za-z0-9+/_\-]{24,}+={0,2}\Z)"
    r"[0-9A-Za-z][A-Za-z0-9 _/+\-]*+[.,:;@()!?'*#$|~][A-Za-z0-9 _./:,;@()+\-!?'*#$|~]*+\Z"
    # Base64 that does not begin as text, a compressed stream, protobuf or a small map does, nor a few characters later.
    r"|(?![C-jop]|[w-z0-9][I-LY-bo-r4-7]|.{0,3}(?:[A-Za-f]...){6}|[0-9a-f]+\Z|[0-9A-F]+\Z)[A-Za-z0-9+/_\-]{16,85}={0,2}\Z"
    r")"
).match
"""The quick check, in one pass, for texts that are surely in no encoding: UUIDs, words, sentences, numbers and digests,
and texts with a character that neither base64 nor hexadecimal has, but without those of JSON, forms and
percent-encoding. What it does not know is looked at more closely."""

_TOKEN = re.compile(r"[A-Za-z0-9+/_\-\s]++(?:={1,2}+\s*+)?+\Z")
_HEX = re.compile(r"(?:[0-9a-f]++|[0-9A-F]++)\Z")
_HEX_DIGITS = re.compile(r"(?:3[0-9]|6[1-6])++\Z")
"""Hexadecimal of decimal or hexadecimal digits that itself has decimal digits only."""
_LONG_DIGITS = 64
"""Decimal digits from which on chance does not make them hexadecimal of text: 0.6 of pairs are, 0.6^32."""
_ASCII_IN_BASE64 = re.compile(r"(?:[A-Za-f]...){6}")
"""Base64 of ASCII: the first of each four characters holds six bits of which the highest is 0."""
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_FORM = re.compile(r"[^=&\s{}<>\"]{1,100}+=[^&\s]*+(?:&[^=&\s]{0,100}+(?:=[^&\s]*+)?+)++\Z")
_WRAPPED = re.compile(r"[\w.$@]{0,64}+[{(\[](.*)[})\]]\Z", re.DOTALL).match
_PAIR = re.compile(r"\s*+([A-Za-z_][\w.\-]{0,63}+)=(.*+)\Z", re.DOTALL).match
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]{1,30}+://[^\s?#]*+[?#](\S[^\s=]*+=\S*+)\Z")
_CREDENTIALS = re.compile(r"(Basic|Bearer|Token|Digest)\s++(\S++)\Z", re.IGNORECASE)
_DATA_URL = re.compile(r"data:[^,]{0,100};base64,")
_UUID_IN_BRACES = re.compile(r"\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}").fullmatch
_PREFIXED = re.compile(r"[A-Za-z0-9_.\-]{1,16}+[:|$]([A-Za-z0-9+/_\-]{24,}+={0,2})\Z").match
"""A version or a name before base64: `v1:eyJ...`."""
_NAI = re.compile(
    r"([0-9]{14,16})@(?:[a-z]+\.){1,2}mnc[0-9]{3}\.mcc([0-9]{3})\.(?:pub\.)?3gppnetwork\.org",
    re.IGNORECASE,
).fullmatch
"""How a SIM names itself to a network, before it is known there (3GPP TS 23.003, 13.3, 14.3 and 19.3.2): a digit for
the method, the IMSI, and the operator's realm."""
_JWT = re.compile(r"(eyJ[A-Za-z0-9_\-]++)\.([A-Za-z0-9_\-]++)(?:\.[A-Za-z0-9_\-]*+){1,3}+\Z")


_DATA_AS_NAME = re.compile(
    r"[0-9A-Fa-f]{12,}+\Z|[0-9A-Fa-f]{2}(?:[:\-][0-9A-Fa-f]{2}){5}\Z|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-"
    r"[0-9A-Fa-f]{12}\Z|\+?[0-9]{10,20}\Z|[^@\s]++@[^@\s]+\.[A-Za-z]{2,}+\Z"
)


SHORTEST_DATA = 7
"""Characters of the shortest name that can be data: an address of e-mail."""


_PADDED = re.compile(r"[A-Za-z0-9+/]{22,86}={1,2}\Z|[A-Za-z0-9_-]{22,86}={1,2}\Z").match
_UNPADDED = re.compile(r"(?=[A-Za-z0-9]*+[+/])[A-Za-z0-9+][A-Za-z0-9+/]{31,86}\Z").match
"""Base64 that needs no padding, with a sign that ids in letters and digits do not have."""
_TURN = re.compile(r"[a-z](?![a-z])|[A-Z](?![A-Z])|[0-9](?![0-9])|[+/]").findall
"""Where one kind of letter ends. In random base64 that is at 64 of 100 places; in a path or a name at far fewer."""
_LEAST_TURNS = 0.45


def data_as_name(name: str) -> bool:
    """Whether the name of a field is itself data, as in `{"02:1a:...": {"rssi": -60}}`: hexadecimal of 12 digits and
    more, a MAC address, a UUID, a number, an address of e-mail."""
    return _DATA_AS_NAME.match(name) is not None


def understood(data: bytes) -> bool:
    """Whether bytes from under an encoding are text, or in a format that can be told."""
    return _understood(data) is not None


def sealed(text: str) -> int:
    """Bytes in base64 that holds neither text nor a known format, as far as they are as many as in a block of
    ciphertext and no more than `unwrap` passes on; 0 for all other texts. It is told from an id by its padding; of 24,
    27, 30 ... bytes, which need none, by the signs + and /, which two of three texts of 32 letters have."""
    if _PADDED(text):
        told = any(letter.islower() for letter in text) and len(set(text)) >= 10
    else:
        told = len(text) % 4 == 0 and bool(_UNPADDED(text)) and len(_TURN(text)) >= _LEAST_TURNS * len(text)
    if not told:
        return 0
    data = _unbase64(text.replace("-", "+").replace("_", "/"))
    return len(data) if data and 16 <= len(data) <= _LEAST_NOISE and not understood(data) else 0


def _compressed(data: bytes) -> bool:
    """Whether bytes begin as a compressed stream and unpack as one; the mark of zlib alone is chance in one of 16,000
    cases, so such a stream must be whole."""
    how = by_magic(data)
    out = how[1](data, 256) if how else None
    return how is not None and out is not None and (out.trouble in ("", "limit") or how[0] != "zlib")


def _understood(data: bytes) -> str | bytes | None:
    """Bytes from under an encoding, as text if they are; None if they are nothing that is surely meant."""
    if data.startswith((b"bplist00", b"PK\x03\x04")) or _compressed(data):
        return data
    text = is_utf8_text(data)
    if text is not None:
        return text if len(data) >= _LEAST_TEXT or text[:1] in ("{", "[") else None
    return data if surely_message(data) or surely_map(data) or _unmarked(data) else None


def _unmarked(data: bytes) -> bool:
    """Whether bytes are a whole stream of a compression without a mark, with text in it: no random bytes are."""
    if len(data) >= _LEAST_STREAM:
        for _, decompress in UNMARKED:
            out = decompress(data, _STREAM)
            if (
                out
                and out.trouble in ("", "limit")
                and not out.rest
                and is_utf8_text(out.data[:_LEAST_STREAM])
            ):
                return True
    return False


def _unbase64(token: str) -> bytes | None:
    if len(token) % 4 == 1:
        return None
    try:
        return a2b_base64(token + "=" * (-len(token) % 4))
    except (Error, ValueError):
        return None


def _compact(text: str) -> str:
    """Base64 as it was before line breaks were put in, and before a form took its plus signs for spaces."""
    if text.isalnum():
        return text
    token = text.strip("\r\n\t")
    if " " in token:
        spaced = "".join(token.split("\r\n") if "\r" in token else token.split("\n"))
        if len(spaced) % 4:
            token = spaced.strip()
        token = token.replace(" ", "+") if token.count(" ") * 12 <= len(token) else ""
    token = "".join(token.split()).rstrip("=")
    if "-" in token or "_" in token:
        token = token.replace("-", "+").replace("_", "/")
    return token


def _token(text: str) -> Layer | None:
    """Hexadecimal, or base64 in any of its alphabets, with or without line breaks and padding."""
    size = len(text)
    if size < 16 and not text.startswith("eyJ"):
        return None
    if _HEX.match(text):
        return _hexadecimal(text)
    token = _compact(text)
    data = _unbase64(token) if len(token) >= 10 else None
    if data is None:
        return _offset(token)
    found = _understood(data)
    if found is not None:
        return "base64", found
    return _offset(token) or (("base64", data) if len(data) > _LEAST_NOISE else None)


def _offset(token: str) -> Layer | None:
    """Base64 of text that begins one to three characters later, as after a prefix or a cut."""
    if len(token) < 28:
        return None
    for start in (1, 2, 3):
        if _ASCII_IN_BASE64.match(token, start):
            data = _unbase64(token[start:]) or _unbase64(token[start:-1])
            if data and data.isascii() and is_utf8_text(data):
                return "base64", data.decode("ascii")
    return None


def _hexadecimal(text: str) -> Layer | None:
    if len(text) % 2 or len(text) < 16:
        return None
    if text.isdigit() and len(text) < _LONG_DIGITS and not _HEX_DIGITS.match(text):
        return None
    data = bytes.fromhex(text)
    if data.startswith(b"bplist00") or _compressed(data):
        return "hex", data
    words = is_utf8_text(data)
    if words is not None and (len(data) >= _LEAST_TEXT or words[:1] in ("{", "[")):
        return "hex", words
    return ("hex", data) if len(data) > 64 and (_understood(data) or len(data) > _LEAST_NOISE) else None


def _nai(digits: str, country: str) -> Layer | None:
    found = next((imsi for imsi in (digits, digits[1:]) if imsi.startswith(country) and len(imsi) < 16), None)
    return ("nai", (("imsi", found),)) if found else None


def _jwt(text: str) -> Layer | None:
    """A JSON Web Token (RFC 7519): header and claims; of an encrypted one (RFC 7516) the header."""
    match = _JWT.match(text)
    if not match:
        return None
    trees = []
    for name, part in zip(("header", "claims"), match.groups(), strict=True):
        data = _unbase64(_compact(part))
        words = is_utf8_text(data) if data else None
        found = parse_json(words, 1) if words else None
        if found:
            trees.append((name, found[1]))
    return ("jwt", tuple(trees)) if trees else None


def _url(text: str, most: int) -> Layer | None:
    match = _SCHEME.match(text)
    return ("url", parse_pairs(match.group(1), most)) if match else None


def _form(text: str, most: int) -> Layer | None:
    return ("form", parse_pairs(text, most)) if _FORM.match(text) else None


def _pairs(text: str, most: int) -> Layer | None:
    """`name=value; name=value`, with `;` or `,` between; also what Java prints of a map or an object: `Phone{imei=...,
    imsi=...}`."""
    wrapped = _WRAPPED(text)
    inner = wrapped[1] if wrapped else text
    parts = inner.split(";" if ";" in inner else ",", most)
    pairs = []
    for part in parts if parts[-1].strip() else parts[:-1]:
        match = _PAIR(part)
        if match is None:
            return None
        pairs.append((match[1], match[2].strip().strip("'\"")))
    return ("pairs", tuple(pairs)) if len(pairs) > 1 else None


def _percent(text: str) -> Layer | None:
    if not _PERCENT.search(text):
        return None
    words = unquote(text)
    if words != text and "\\x" not in words:
        return "percent", words
    data = to_bytes(text)
    return ("percent", data) if _understood(data) == data else None


def _credentials(text: str) -> Layer | None:
    match = _CREDENTIALS.match(text)
    if not match:
        return None
    scheme, token = match[1].lower(), match[2]
    data = _unbase64(_compact(token)) if scheme == "basic" else None
    if data and (words := is_utf8_text(data)):  # RFC 7617
        user, _, password = words.partition(":")
        return scheme, (
            ("username", user),
            (user or "password", password),
        )  # one can be the name of the other
    return (scheme, token) if _token(token) or _jwt(token) else None


def _data_url(text: str) -> Layer | None:
    match = _DATA_URL.match(text)
    data = _unbase64(_compact(text[match.end() :])) if match else None
    return ("data-url", data) if data else None


def _json(text: str, limits: Limits) -> Layer | None:
    if len(text) == 38 and _UUID_IN_BRACES(text):
        return "braces", text[1:-1]
    return parse_json(text, limits.values) if len(text) <= limits.document else None


def _xml(text: str, limits: Limits) -> Layer | None:
    if len(text) > limits.document:
        return None
    if "<plist" in text[:1000]:
        tree = parse_plist(text.encode("utf-8", "replace"))
        if tree is not None:
            return "plist", tree
    found = parse_xml(text, limits.values, limits.nesting)
    return ("xml", found[0]) if found and found[1] else None


_BY_FIRST: dict[str, Callable[[str, Limits], Layer | None]] = {"{": _json, "[": _json, '"': _json, "<": _xml}


def unwrap(text: str, limits: Limits) -> Layer | None:
    """The outermost layer of a text of at least `SHORTEST` characters, or None if it is plain."""
    first = text[0]
    if first.isspace():
        first = text.lstrip()[:1]
    by_first = _BY_FIRST.get(first)
    if by_first:
        found = by_first(text, limits)
        if found:
            return found
    elif text.count(" ", 0, _SENTENCE) < _BLANKS and _TOKEN.match(text):
        found = _token(text)
        if found or " " not in text:
            return found
    if "=" in text:
        if "://" in text:
            found = _url(text, limits.values)
            if found:
                return found
        elif "&" in text:
            found = _form(text, limits.values)
            if found:
                return found
        if "," in text or ";" in text:
            found = _pairs(text, limits.values)
            if found:
                return found
    if "%" in text:
        found = _percent(text)
        if found:
            return found
    elif prefixed := _PREFIXED(text):
        return _token(prefixed[1])
    if first == "e" and "." in text:
        return _jwt(text)
    if first in "BbTtDd" and len(text) > 20:
        return _credentials(text) or (_data_url(text) if first == "d" else None)
    if "@" in text and (named := _NAI(text)):
        return _nai(*named.groups())
    if first.isdigit() and text[-1] in "]}" and len(text) <= limits.document:
        tree = framed_json(text)
        return ("json", tree) if tree else None
    return None
