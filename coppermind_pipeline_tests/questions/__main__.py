"""Writes `docs/questions.md`: the questions, and what is answered of the demonstration's portal."""

import asyncio
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline_tests.questions.asking import answers
from coppermind_pipeline_tests.questions.page import PAGE, SHOWN, page
from coppermind_pipeline_tests.questions.portals import read_portals


def main() -> None:
    """Write the page, from an installation made for it."""
    configure_logs(logging.WARNING)
    with TemporaryDirectory() as home:
        database = Database(embedded.start(Path(home)), Path(home))
        try:
            upgrade(database)
            (portal,) = read_portals(database, Path(home), (SHOWN,))
            PAGE.write_text(page(asyncio.run(answers(portal))))
        finally:
            database.dispose()
            embedded.stop(Path(home))


if __name__ == "__main__":
    main()
