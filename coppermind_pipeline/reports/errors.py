"""What can be wrong with a question to the memory."""

from coppermind_pipeline.errors import UsageError


class ReportArgumentError(UsageError):
    """An argument of the report can't be used."""

    code = "report_argument"


class BeforeHistory(UsageError):
    """The connector had not read its portal completely at that time."""

    code = "before_history"
