"""Values that the user says are this phone's."""

from analysis.decoding.values import Decoded
from analysis.identifiers.finding import Finding
from analysis.transmission import Transmission


class KnownValues:
    def search_values(self, decoded: Decoded) -> list[Finding]:
        return []

    def search(self, transmission: Transmission, decoded: Decoded) -> list[Finding]:
        return []
