"""The decoder as the program has it, for tests."""

from functools import lru_cache

from phonehome.analysis.decoding import Decoded, Decoder, Limits
from phonehome.analysis.decoding.limits import DEFAULT
from phonehome.analysis.knowledge import shipped
from phonehome.analysis.transmission import Transmission


@lru_cache(maxsize=16)
def decoder(limits: Limits = DEFAULT) -> Decoder:
    known = shipped()
    return Decoder(limits, known.headers, known.catalogue.declared_positions)


def decode(sent: Transmission, limits: Limits = DEFAULT) -> Decoded:
    return decoder(limits).decode(sent)


def decode_bytes(
    data: bytes,
    content_type: str = "",
    content_encoding: str = "",
    path: tuple[str, ...] = ("body",),
    limits: Limits = DEFAULT,
) -> Decoded:
    return decoder(limits).decode_bytes(data, content_type, content_encoding, path)
