"""`memory action=account`: one company, with as much of its lists as there is room for."""

from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.account.answer import account
from coppermind_pipeline.reports.account.fitting import fitting
from coppermind_pipeline.reports.account.models import Account, RenderedAccount
from coppermind_pipeline.reports.account.rendering import rendered_account
from coppermind_pipeline.reports.account.request import ACCOUNT_ARGUMENTS, AccountRequest
from coppermind_pipeline.reports.actions.call import ANSWER_BYTES_MAX, Call
from coppermind_pipeline.tool_calls import Action


def _account(call: Call, given: Mapping[str, Any]) -> Account | RenderedAccount:
    request = AccountRequest.from_arguments(given)
    found = account(call.database, mind=call.mind, request=request, now=call.now)
    return fitting(
        found,
        request,
        made=lambda each: rendered_account(each, request.format),
        bytes_max=ANSWER_BYTES_MAX - 1,
    )


ACCOUNT = Action(_account, takes=ACCOUNT_ARGUMENTS, needs=("company",))
