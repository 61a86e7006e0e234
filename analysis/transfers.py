"""Whether data of people in the EEA may go to a country without a further safeguard, on a given day.

A country is in the European Economic Area, or the European Commission has decided that its protection of
personal data is adequate (Article 45 of the General Data Protection Regulation, before that Article 25 of
Directive 95/46/EC), or neither. The facts are in `knowledge/transfers.toml`, each with its reference.
"""

from phonehome.analysis import knowledge
from phonehome.analysis.knowledge.countries import Status


def status(country: str, day: str) -> Status | None:
    """What held for a country (ISO 3166-1 alpha-2) on a day (ISO 8601; a time that begins with one will do);
    None if it was neither in the EEA nor covered by a decision."""
    for entry in knowledge.shipped().countries.statuses.get(country, ()):
        if entry.since <= day[:10] and (not entry.until or day[:10] < entry.until):
            return entry
    return None
