"""What can be asked about a figure."""

import re
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from coppermind_pipeline.reports.errors import ReportArgumentError

ROWS_MAX = 16

_PLACE_IN_LIST = re.compile(r"\[(\d{1,4})\]")


class ExplainRequest(BaseModel):
    """The arguments of `explain`. Build it by `from_arguments` where they come from outside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: str = Field(description="audit.answer_id of an answer, then # and the figure's path in it")
    cursor: str | None = Field(default=None, pattern=r"\d{1,9}", description="next_cursor of the page before")
    rows: int = Field(default=ROWS_MAX, ge=1, le=1_000)

    @field_validator("figure")
    @classmethod
    def _as_written(cls, figure: str) -> str:
        """Take groups[0] for groups.0, as paths into JSON are written, too."""
        return _PLACE_IN_LIST.sub(r".\1", figure.strip())

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """Check arguments from outside; raises ReportArgumentError, which names the argument."""
        try:
            return cls.model_validate({name: value for name, value in arguments.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            raise ReportArgumentError(f"{first['loc'][0]}: {first['msg']}.") from error
