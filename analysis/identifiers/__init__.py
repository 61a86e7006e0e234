"""Values in, identifiers out: each with kind, certainty, reason and place.

Pure; docs/identifiers.md has the rules.
"""

from phonehome.analysis.identifiers.engine import Recogniser
from phonehome.analysis.identifiers.finding import RANK, Certainty, DeclaredField, Finding
from phonehome.analysis.identifiers.kinds import CATEGORIES, Category, Kind, kind, kinds
from phonehome.analysis.identifiers.known import KnownValues
from phonehome.analysis.identifiers.mask import mask

__all__ = [
    "CATEGORIES",
    "RANK",
    "Category",
    "Certainty",
    "DeclaredField",
    "Finding",
    "Kind",
    "KnownValues",
    "Recogniser",
    "kind",
    "kinds",
    "mask",
]
