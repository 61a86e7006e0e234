"""Values in, identifiers out: each with kind, certainty, reason and place.

Pure; docs/identifiers.md has the rules.
"""

from analysis.identifiers.engine import recognise
from analysis.identifiers.finding import RANK, Certainty, DeclaredField, Finding
from analysis.identifiers.kinds import CATEGORIES, Category, Kind, kind, kinds
from analysis.identifiers.known import KnownValues
from analysis.identifiers.mask import mask

__all__ = [
    "CATEGORIES",
    "RANK",
    "Category",
    "Certainty",
    "DeclaredField",
    "Finding",
    "Kind",
    "KnownValues",
    "kind",
    "kinds",
    "mask",
    "recognise",
]
