"""The sixty questions: how many are answered exactly on every portal, and which are not."""

import asyncio
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline_tests.benchmarks.installation import stopwatch
from coppermind_pipeline_tests.questions.asking import answers, groupings, questions
from coppermind_pipeline_tests.questions.portals import read_portals


def asked_questions() -> dict[str, Any]:
    """Ask each question of each portal.

    Returns:
        asked: questions; exact: those that are answered exactly, and flagged where doubtful, on all portals.
        groupings: both reports by each of their groupings on each portal; exact_groupings: those that are.
        flagged: answers that flag a doubt; misses: portal and question of those that are not exact.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with TemporaryDirectory(prefix="coppermind-bench-") as home:
        database = Database(embedded.start(Path(home)), Path(home))
        try:
            upgrade(database)
            portals = read_portals(database, Path(home))
            with stopwatch() as asking:
                answered = [each for portal in portals for each in asyncio.run(answers(portal))]
            grouped = [each for portal in portals for each in asyncio.run(answers(portal, groupings()))]
        finally:
            database.dispose()
            embedded.stop(Path(home))
    missed, missed_groupings = ([each for each in asked if not each.is_exact] for asked in (answered, grouped))
    return {
        "asked": len(questions()),
        "exact": len(questions()) - len({each.question.id for each in missed}),
        "portals": len(portals),
        "answers": len(answered),
        "groupings": len(grouped),
        "exact_groupings": len(grouped) - len(missed_groupings),
        "flagged": sum(bool(each.flagged) for each in answered),
        "misses": [f"{each.portal}: {each.question.id}" for each in (*missed, *missed_groupings)],
        "asking": asking,
    }
