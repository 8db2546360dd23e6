"""The connectors page: each connector's state, a running backfill that moves by itself, connect and disconnect."""

import hashlib
from datetime import UTC, datetime
from typing import Literal

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from coppermind_pipeline import connectors
from coppermind_pipeline.accounts import Caller, list_minds
from coppermind_pipeline.connectors import ConnectorStatus, Headline, OperationalState, StatusResponse
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web.chosen import Chosen, Wish, choose
from coppermind_pipeline.interfaces.web.pages import page, part
from coppermind_pipeline.interfaces.web.sign_in import checked_form, on_behalf_of

# As many as the largest id has; a longer number is none that a page gave out.
_ID_DIGITS_MAX = 18


def show_connectors(request: Request) -> Response:
    """GET /connectors: all connectors of the signed-in customer."""
    installation, caller = on_behalf_of(request)
    minds = list_minds(installation.database, caller)
    answer = _status(installation, caller)
    chosen = _chosen(request, answer)
    shown = chosen.shown
    return page(
        request,
        "connectors.html",
        connectors=shown,
        chosen=chosen,
        seen="".join(map(_version, _parts(chosen))),
        paused_since=answer.paused_since,
        polling_stopped_since=answer.polling_stopped_since,
        what_to_do=answer.next_step,
        setup_help=answer.setup_help if any(each.status == Headline.PENDING_SETUP for each in shown) else None,
        action_of=_action,
        buttons=_buttons(answer, chosen),
        connectable=[mind for mind in minds if mind.kind in {"client", "prospect"}],
    )


def show_states(request: Request) -> Response:
    """GET /connectors/states: what has changed by itself about the connectors shown, for the page to put in place.

    `buttons` says which connectors and buttons the page has; where it should have others by now, it is told to load
    anew. `seen` are the versions of the parts that it has, of a fixed length each: the others are sent.
    """
    installation, caller = on_behalf_of(request)
    answer = _status(installation, caller)
    chosen = _chosen(request, answer)
    buttons = _buttons(answer, chosen)
    if request.query_params.get("buttons") != buttons:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    parts = _parts(chosen)
    versions, seen = [*map(_version, parts)], request.query_params.get("seen", "")
    changed = [
        shown
        for place, (shown, version) in enumerate(zip(parts, versions, strict=True))
        if seen[place * _VERSION_LENGTH : (place + 1) * _VERSION_LENGTH] != version
    ]
    if not changed:
        return Response(status_code=204)
    again = part("connectors_polled.html", "polling", chosen, buttons, "".join(versions))
    return HTMLResponse("".join([*changed, again]))


def show_events(request: Request) -> Response:
    """GET /connectors/{id}/events: the connector's log, newest first, a page at a time."""
    installation, caller = on_behalf_of(request)
    before = request.query_params.get("before", "")
    answer = connectors.read_events(
        installation.database,
        caller,
        request.path_params["connector_id"],
        before=int(before) if before.isascii() and before.isdecimal() and len(before) <= _ID_DIGITS_MAX else None,
    )
    return page(request, "events.html", answer=answer)


async def connect(request: Request) -> Response:
    """POST /connectors/connect: make the authorization link of a mind, and show it."""
    form = await checked_form(request)
    installation, caller = on_behalf_of(request)
    answer = await run_in_threadpool(
        connectors.connect,
        installation.database,
        installation.settings,
        caller,
        source_type="hubspot",
        mind=form.get("mind"),
        callback_listening=True,
    )
    return page(request, "authorize.html", answer=answer)


async def sync(request: Request) -> Response:
    """POST /connectors/{id}/sync: ask for a poll now."""
    await checked_form(request)
    installation, caller = on_behalf_of(request)
    await run_in_threadpool(connectors.request_sync, installation.database, caller, request.path_params["connector_id"])
    return RedirectResponse("/connectors", status_code=303)


async def disconnect(request: Request) -> Response:
    """POST /connectors/{id}/disconnect: disconnect, and say what was and was not done."""
    await checked_form(request)
    installation, caller = on_behalf_of(request)
    answer = await connectors.disconnect(
        installation.database, installation.settings, caller, request.path_params["connector_id"]
    )
    return page(request, "disconnected.html", answer=answer)


def _action(connector: ConnectorStatus) -> Literal["sync", "connect"] | None:
    """Return what a person may want to do with a connector now, besides disconnecting it."""
    if connector.status == Headline.INACTIVE:
        return None
    refused = connector.hubspot_diagnostics.operational_state == OperationalState.AUTH_ERROR
    return "sync" if connector.connected_at and not refused else "connect"


def _chosen(request: Request, answer: StatusResponse) -> Chosen:
    """Return what the request wants to see; of connectors that another replaced, nothing: they are history."""
    current = [connector for connector in answer.connectors if connector.replaced_by is None]
    return choose(current, Wish.from_query(request.query_params))


def _parts(chosen: Chosen) -> list[Markup]:
    """Return the parts of the page that change by themselves: the line about all connectors, and each one's state."""
    states = (part("connector_state.html", "connector_state", connector, True) for connector in chosen.shown)  # noqa: FBT003
    return [part("connectors_polled.html", "summary", chosen), *states]


_VERSION_LENGTH = 8


def _version(shown: Markup) -> str:
    return hashlib.sha256(shown.encode(errors="backslashreplace")).hexdigest()[:_VERSION_LENGTH]


def _buttons(answer: StatusResponse, chosen: Chosen) -> str:
    """Return a short name for the connectors, buttons and notices that a page shows."""
    buttons = [(connector.connector_id, _action(connector)) for connector in chosen.shown]
    notices = (answer.paused_since, answer.polling_stopped_since)
    return hashlib.sha256(repr((buttons, notices)).encode()).hexdigest()[:16]


def _status(installation: Installation, caller: Caller) -> StatusResponse:
    return connectors.status(installation.database, caller, all_minds=True, now=datetime.now(UTC))
