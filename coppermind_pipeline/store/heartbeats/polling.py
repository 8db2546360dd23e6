"""When something last looked for due polls: without that, nothing polls, and nothing else would say so."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from coppermind_pipeline.store.database import Database

# Twice what the sensor needs from one look to the next with every probe at its limit and hundreds of runs to ask for.
SILENT_MAX = timedelta(minutes=5)


def note_look_for_polls(database: Database) -> None:
    """Note that due polls were looked for just now."""
    with database.nobody() as connection:
        connection.execute(text("UPDATE installation SET polls_looked_for_at = clock_timestamp()"))


def last_look_for_polls(connection: Connection) -> datetime | None:
    """Return when due polls were looked for last; None where nothing ever did."""
    return connection.scalar(text("SELECT polls_looked_for_at FROM installation"))


def polling_stopped_since(database: Database, *, now: datetime) -> datetime | None:
    """Return when due polls were looked for last, where that is too long ago.

    None where polling goes on, and where nothing has ever looked for them: every sync is by hand then.
    """
    with database.nobody() as connection:
        last = last_look_for_polls(connection)
    return last if last is not None and now - last > SILENT_MAX else None
