"""The page `/runbook`: the operators' runbook as this version has it, so that a red check can lead to what to do.

It has an anchor for each heading, named as in the file, and for each row of a table that begins with a name, such as a
state's or a metric's.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from coppermind_pipeline.interfaces.web.pages import page
from coppermind_pipeline.interfaces.web.sign_in import require_signed_in

_FILE = Path(__file__).with_name("runbook.md")
_NAME = re.compile(r"`(\w+)`")


def show_runbook(request: Request) -> Response:
    """GET /runbook: it tells of the product, and of no customer, to whoever is signed in."""
    require_signed_in(request)
    return page(request, "runbook.html", runbook=runbook())


@cache
def runbook() -> Markup:
    """Return the runbook as HTML."""
    markdown = MarkdownIt("commonmark").enable("table")
    text = re.sub(r"<!--.*?-->\n?", "", _FILE.read_text(), flags=re.DOTALL)
    tokens = markdown.parse(text)
    _anchor(tokens)
    for token in tokens:
        token.children = list(_followable(token.children or []))
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704 - our own file


def _anchor(tokens: list[Token]) -> None:
    """Give each heading the anchor that links name it by, and each row of a table that of the name it begins with."""
    taken = set()
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            anchor = re.sub(r"[^\w\- ]", "", tokens[at + 1].content.lower()).replace(" ", "-")
        elif token.type == "tr_open" and (name := _NAME.match(tokens[at + 2].content)):
            anchor = name[1]
        else:
            continue
        if anchor not in taken:
            taken.add(anchor)
            token.attrSet("id", anchor)


def _followable(tokens: list[Token]) -> Iterator[Token]:
    """Yield the tokens of a text without its links to other files, which are beside the code and not on our pages."""
    dropped = False
    for token in tokens:
        if token.type == "link_open":
            dropped = not re.match("#|https?:", str(token.attrGet("href")))
        if not (dropped and token.type in {"link_open", "link_close"}):
            yield token
