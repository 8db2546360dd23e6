"""Sixty questions are answered exactly, each by one call, and what is doubtful about an answer is flagged in it."""

import asyncio
from pathlib import Path

import pytest

from coppermind_pipeline.interfaces.mcp.arguments import MEMORY_ACTIONS_IN_WORDS, ConnectorsArguments, MemoryArguments
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.questions.asking import Answered, answers, groupings, parsed, questions
from coppermind_pipeline_tests.questions.doubts import DOUBTS
from coppermind_pipeline_tests.questions.page import PAGE, SHOWN, page
from coppermind_pipeline_tests.questions.portals import read_portals

_ARGUMENTS = {"memory": MemoryArguments, "connectors": ConnectorsArguments}


def test_there_are_sixty_questions_each_with_a_call_that_the_tools_list():
    asked = questions()
    assert len({each.id for each in asked}) == len({each.asks for each in asked}) == len(asked) == 60
    for each in asked:
        tool, arguments = parsed(each.call)
        listed = {about.alias or name for name, about in _ARGUMENTS[tool].model_fields.items()}
        assert arguments.keys() <= listed, each.id
    used = {parsed(each.call)[1]["action"] for each in asked} - {"status"}
    assert used == MEMORY_ACTIONS_IN_WORDS.keys() - {"search", "list", "get", "metrics"}  # these are about no figure
    assert {code for each in asked for code in each.doubts} == DOUBTS.keys()


def test_no_data_at_all_is_answered(database: Database, tmp_path: Path):
    (portal,) = read_portals(database, tmp_path, ("Newcomer",))
    _assert_exact(asyncio.run(answers(portal)))


@pytest.mark.slow
def test_all_are_answered_exactly_grouped_by_whatever_and_the_page_says_so(database: Database, tmp_path: Path):
    portals = read_portals(database, tmp_path)
    answered = [each for portal in portals for each in asyncio.run(answers(portal))]
    _assert_exact(answered)
    _assert_exact([each for portal in portals for each in asyncio.run(answers(portal, groupings()))])
    assert PAGE.read_text() == page([each for each in answered if each.portal == SHOWN]), "stale: run `make docs`"
    flagged = {code for each in answered for code in each.flagged}
    assert flagged == DOUBTS.keys(), "a doubt exists in no portal, so that nothing was proved of it"


def _assert_exact(answered: list[Answered]) -> None:
    missed = [f"{each.portal}: {each.call}: {each.told}, not {each.expected}; {each.wrongly_flagged}"
              for each in answered if not each.is_exact]  # fmt: skip
    assert not missed, "\n".join(missed)
