"""`memory action=account`: one company, with as much of its lists as there is room for."""

from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.account.answer import account
from coppermind_pipeline.reports.account.fitting import fitting_account
from coppermind_pipeline.reports.account.models import Account, RenderedAccount
from coppermind_pipeline.reports.account.rendering import rendered_account
from coppermind_pipeline.reports.account.request import (
    ACCOUNT_ARGUMENTS,
    AccountDealPlace,
    AccountRequest,
    ContactPlace,
)
from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.sizing.cursors import Question
from coppermind_pipeline.tool_calls import Action


def _account(call: Call, given: Mapping[str, Any]) -> Account | RenderedAccount:
    request = AccountRequest.from_arguments(given)
    question = Question.of("account", call.mind.id, given)
    goes_on = question.goes_on(given.get("cursor"), ContactPlace, AccountDealPlace)
    found = account(call.database, mind=call.mind, request=request, now=call.now, goes_on=goes_on)
    return fitting_account(found, question, goes_on, made=lambda cut: rendered_account(cut, request.format), fits=fits)


ACCOUNT = Action(_account, takes=(*ACCOUNT_ARGUMENTS, "cursor"), needs=("company",))
