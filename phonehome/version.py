"""What `phonehome --version` says: the program, and the age of what its conclusions rest on."""

import platform
from collections.abc import Iterator

from phonehome.analysis import __version__


def lines() -> Iterator[str]:
    """The version on the first line, as other programs expect it; then catalogue and tables with their dates."""
    from phonehome.analysis.knowledge import KnowledgeError, shipped
    from phonehome.analysis.places.database import LocationDatabase, LocationDatabaseError, updated_folder

    yield f"phonehome {__version__}"
    yield f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    try:
        yield f"catalogue: {len(shipped().catalogue.endpoints):,} endpoints"
    except KnowledgeError as error:
        yield f"catalogue: {error}"
    try:
        with LocationDatabase.open() as database:
            for table in database.sources():
                yield f"table: {table.name}, {table.date or 'of no known date'}"
    except LocationDatabaseError as error:
        yield f"tables: {error}"
    yield "today's tables are those that " + (
        "phonehome update fetched" if updated_folder() else "came with the program"
    )
