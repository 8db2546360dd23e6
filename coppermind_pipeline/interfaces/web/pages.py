"""Rendering of pages: one Jinja2 environment, and the words that templates use for states, times and numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.templating import Jinja2Templates

from coppermind_pipeline.interfaces.state_words import scans_under_way, state_words
from coppermind_pipeline.interfaces.web.sessions import signed_in
from coppermind_pipeline.named_calls import NamedCall, with_calls, without_commands
from coppermind_pipeline.wording import about, ago, as_words, capitalized, clock, day, number, utc_second


def page(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Render a template as the answer; every page knows whether somebody is signed in, and its session's form token."""
    user = signed_in(request)
    values |= {"csrf": user.csrf if user else None, "now": datetime.now(UTC)}
    return _templates.TemplateResponse(request, template, values, status_code=status, headers=headers)


def part(template: str, macro: str, *arguments: Any) -> Markup:
    """Return what a macro makes of something, for an answer that is a part of a page."""
    module = _templates.env.get_template(template).make_module({"now": datetime.now(UTC)})
    return getattr(module, macro)(*arguments)


def _ago(moment: datetime, now: datetime) -> str:
    return ago(now - moment)


def _utc_clock(moment: datetime) -> str:
    return f"{clock(moment, UTC)} UTC"


def in_buttons(said: str) -> str:
    """Return what was said in the words of these pages: buttons and pages in place of calls, and no commands."""
    return with_calls(without_commands(said), _button)


def _button(call: NamedCall) -> str:
    return _BUTTONS.get((call.tool, call.action), "an assistant")


def _with_code(text: str) -> Markup:
    """Show a sentence in the words of these pages, what it has between backticks as code and all else as text."""
    return _as_told(in_buttons(str(text)))


def _as_told(text: str) -> Markup:
    """Show a sentence as it stands, for whoever works with an assistant alone and was sent a link."""
    pieces = str(text).split("`")
    if len(pieces) % 2 == 0:  # a backtick that none follows
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )


# What pages have no button for, assistants do.
_BUTTONS: Mapping[tuple[str, str], str] = {
    ("connectors", "connect"): "“Connect HubSpot” on the page Connectors",
    ("connectors", "status"): "the page Connectors",
    ("connectors", "sync"): "“Sync now” on the page Connectors",
    ("connectors", "disconnect"): "“Disconnect” on the page Connectors",
    ("connectors", "events"): "“Log” on the page Connectors",
    ("memory", "crm_report"): "the page CRM report",
    ("memory", "brief"): "the page Brief",
    ("memory", "digest"): "the page Minds",
}


def _words(name: str) -> str:
    """Show an argument's value as words: `this_quarter` is "This quarter"."""
    return capitalized(as_words(name))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ago=_ago,
        as_told=_as_told,
        capitalized=capitalized,
        count=number,
        day=day,
        duration=about,
        utc_clock=_utc_clock,
        utc_second=utc_second,
        with_code=_with_code,
        words=_words,
    )
    environment.globals.update(state_of=state_words, scans_of=scans_under_way)
    return environment


_templates = Jinja2Templates(env=_environment())
