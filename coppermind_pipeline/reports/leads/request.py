"""What a lead report can be asked for."""

from enum import StrEnum

from coppermind_pipeline.reports.question.request import RangeRequest


class LeadGroupBy(StrEnum):
    """What a lead report's figures are broken down by."""

    SOURCE = "source"
    SOURCE_DETAIL = "source_detail"
    COUNTRY = "country"
    REGION = "region"
    OWNER = "owner"
    LIFECYCLE_STAGE = "lifecycle_stage"
    MONTH = "month"


class LeadRequest(RangeRequest):
    """The arguments of a lead report."""

    group_by: LeadGroupBy | None = None
