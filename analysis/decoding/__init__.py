"""Bytes to named values: `Decoder(limits, ...).decode` for a whole transmission, `.decode_bytes` for one piece."""

from phonehome.analysis.decoding.decoder import Decoder
from phonehome.analysis.decoding.limits import Limits
from phonehome.analysis.decoding.values import Decoded, Opaque, Value

__all__ = ["Decoded", "Decoder", "Limits", "Opaque", "Value"]
