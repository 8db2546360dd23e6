"""What a brief can be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.leads.request import LeadRequest
from coppermind_pipeline.reports.question.periods import CompareTo
from coppermind_pipeline.reports.question.request import GroupBy, ReportRequest
from coppermind_pipeline.tool_calls import ToolArgumentError
from coppermind_pipeline.wording import one_line

# The same as of the reports that a brief is made of.
_OF_REPORTS = ("period", "start", "end", "compare_to", "connector_id", "timezone")
BRIEF_ARGUMENTS = (*_OF_REPORTS, "agency", "format")

# As many as find room on the page.
PARTS_MAX = 5
AGENCY_CHARS_MAX = 80


class BriefFormat(StrEnum):
    """What a brief can be rendered as."""

    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefRequest:
    """The arguments of a brief. Its reader is the client, whatever is asked.

    Attributes:
        deals, leads: what the reports are asked that it is made of.
        agency: who hands it over; None: nobody is named.
    """

    deals: ReportRequest
    leads: LeadRequest
    agency: str | None
    format: BriefFormat

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """Check arguments from outside; None counts as not given.

        Raises:
            ReportArgumentError, ToolArgumentError: names the argument and says what it takes.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        rendering = given.get("format", BriefFormat.JSON)
        if rendering not in set(BriefFormat):
            raise ToolArgumentError(f"format of a brief takes {', '.join(BriefFormat)}; not {rendering!r}.")
        asked = {name: given[name] for name in _OF_REPORTS if name in given}
        asked = {"compare_to": CompareTo.PREVIOUS_PERIOD, **asked, "audience": Audience.CLIENT}
        return cls(
            deals=ReportRequest.from_arguments(asked | {"group_by": GroupBy.SOURCE, "groups_max": PARTS_MAX}),
            leads=LeadRequest.from_arguments(asked),
            agency=one_line(str(given.get("agency", "")), AGENCY_CHARS_MAX) or None,
            format=BriefFormat(rendering),
        )
