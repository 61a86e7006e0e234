"""Bytes to named values: `decode` for a whole transmission, `decode_bytes` for one piece."""

from phonehome.analysis.decoding.limits import Limits
from phonehome.analysis.decoding.sources import decode, decode_bytes
from phonehome.analysis.decoding.values import Decoded, Opaque, Value

__all__ = ["Decoded", "Limits", "Opaque", "Value", "decode", "decode_bytes"]
