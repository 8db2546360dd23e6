"""Whether the installation is paused: a restored database is, until an operator says that no copy of it goes on.

Two copies that poll one portal would each refresh its tokens, and spend its rate limits twice.
"""

from datetime import datetime

from sqlalchemy import text

from coppermind_pipeline.errors import NeedsPerson
from coppermind_pipeline.store.database import Database

PAUSE = "UPDATE coppermind.installation SET paused_since = clock_timestamp()"


class InstallationPaused(NeedsPerson):
    """This installation was restored from a backup and is paused: it polls no portal, and changes nothing."""

    code = "installation_paused"
    hint = (
        "Make sure that the installation which the backup was made of is stopped for good; "
        "then start this one so that it resumes (`coppermind up --resume`)."
    )


def paused_since(database: Database) -> datetime | None:
    """Return when the installation was paused; None where it is not."""
    with database.nobody() as connection:
        return connection.scalar(text("SELECT paused_since FROM installation"))


def require_not_paused(database: Database) -> None:
    """Raise InstallationPaused where the installation is paused."""
    if paused_since(database) is not None:
        raise InstallationPaused


def resume(database: Database) -> bool:
    """Let work go on; return whether it was paused."""
    with database.owner() as connection:
        return bool(
            connection.execute(
                text("UPDATE installation SET paused_since = NULL WHERE paused_since IS NOT NULL")
            ).rowcount
        )
