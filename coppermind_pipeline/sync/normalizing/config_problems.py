"""What the configuration asks for and the portal does not have, shown as problems of the connector."""

from collections.abc import Iterator

from sqlalchemy import Connection

from coppermind_pipeline import crm
from coppermind_pipeline.connectors import Connector, SettingNotApplied, clear_problem, report_problem
from coppermind_pipeline.object_types import ObjectType


def note_config_problems(connection: Connection, connector: Connector, meaning: crm.Meaning) -> None:
    """Show what the configuration asks for and the portal does not have, until one of both changes."""
    problems = list(_config_problems(meaning))
    if not problems:
        clear_problem(connection, connector, "config")
        return
    types = ", ".join(sorted({t.value for problem in problems for t in problem.object_types}))
    hints = [
        *dict.fromkeys(problem.hint for problem in problems if problem.hint),
        "Correct it with `connectors action=configure`"
        + (f"; until then no memories of {types} are written." if types else "."),
    ]
    found = SettingNotApplied(" ".join(problem.message for problem in problems), hint=" ".join(hints))
    report_problem(connection, connector, "config", found, stops=False)


def _config_problems(meaning: crm.Meaning) -> Iterator[crm.FilterProblem]:
    yield from (problem for problem in meaning.filters.problems if problem.kind == "config")
    name, known = meaning.loss_reason_property, meaning.definitions.get(ObjectType.DEALS)
    definition = known.get(name) if known else None
    if known and name != crm.LOSS_REASON_PROPERTY and (definition is None or definition.missing):
        yield crm.FilterProblem(
            kind="config",
            code="unknown_loss_reason_property",
            message=f"hubspot_loss_reason_property is {name!r}, a property that deals of the portal do not have.",
            hint="Use the property's internal name in HubSpot.",
        )
