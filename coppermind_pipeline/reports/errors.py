"""What can be wrong with a question to the memory."""

from coppermind_pipeline.errors import UsageError


class ReportArgumentError(UsageError):
    """An argument of the report can't be used."""

    code = "report_argument"


class BeforeHistory(UsageError):
    """What the portal held at that time was not read yet, or is kept no longer."""

    code = "before_history"
