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

from coppermind_pipeline.interfaces.state_words import duration_words, scans_under_way, state_words


def page(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Render a template as the answer; every page knows whether somebody is signed in, and its session's form token."""
    session = request.scope.get("session", {})
    values |= {"customer": session.get("customer"), "csrf": session.get("csrf"), "now": datetime.now(UTC)}
    return _templates.TemplateResponse(request, template, values, status_code=status, headers=headers)


def _count(value: int) -> str:
    return f"{value:,}"


def _ago(moment: datetime, now: datetime) -> str:
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def _with_code(text: str) -> Markup:
    """Show what a sentence has between backticks as code, and everything else as text."""
    pieces = str(text).split("`")
    if len(pieces) % 2 == 0:  # a backtick that none follows
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )


def _words(name: str) -> str:
    """Show an argument's value as words: `this_quarter` is "This quarter"."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=_count, ago=_ago, with_code=_with_code, duration=duration_words, words=_words)
    environment.globals.update(state_of=state_words, scans_of=scans_under_way)
    return environment


_templates = Jinja2Templates(env=_environment())
