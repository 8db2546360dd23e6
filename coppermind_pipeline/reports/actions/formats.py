"""The format that a report is asked for in, beside what it asks."""

from collections.abc import Mapping, Sequence
from typing import Any

from coppermind_pipeline.reports.rendering.formats import ReportFormat
from coppermind_pipeline.reports.sizing.cutting import LeftOut
from coppermind_pipeline.reports.sizing.groups import FIGURES_OF_GROUPS
from coppermind_pipeline.tool_calls import ToolArgumentError


def format_and_question(given: Mapping[str, Any]) -> tuple[ReportFormat, dict[str, Any]]:
    """Return the format, json where none is named, and the other arguments; raises ToolArgumentError for no format."""
    question = dict(given)
    wanted = question.pop("format", ReportFormat.JSON)
    try:
        return ReportFormat(wanted), question
    except ValueError:
        raise ToolArgumentError(f"format takes {', '.join(ReportFormat)}; not {wanted!r}.") from None


def left_out_in(rendering: ReportFormat, left_out: Sequence[LeftOut]) -> list[LeftOut]:
    """Return what a rendering leaves out of an answer: figures of groups are missing from tables alone."""
    return [each for each in left_out if rendering is ReportFormat.CSV or each.part != FIGURES_OF_GROUPS]
