"""What an examiner, new each time, makes of one transmission."""

from phonehome.analysis.examiner import Evidence, Examiner, Options
from phonehome.analysis.identifiers import KnownValues
from phonehome.analysis.transmission import Transmission


def examine(sent: Transmission, known: KnownValues | None = None) -> Evidence:
    """As `Examiner.examine`."""
    return Examiner(None, Options(known)).examine(sent)
