"""What was read, taken up: normalized and linked, as each reading of records is followed by it."""

from collections.abc import Callable

from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync.context import Progress, unheard
from coppermind_pipeline.sync.normalizing.associations import Linked, link
from coppermind_pipeline.sync.normalizing.normalize import normalize


def take_up(database: Database, connector: Connector, on_progress: Callable[[Progress], None] = unheard) -> Linked:
    """Normalize and link what waits in the raw log."""
    normalize(database, connector, on_progress=on_progress)
    return link(database, connector, on_progress=on_progress)
