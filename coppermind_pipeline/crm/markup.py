"""Markup: HTML as a person sees it, in the texts of rich-text properties and in names that came through a web form."""

import re
from html import unescape
from html.parser import HTMLParser

# What opens or closes one of these is markup; "<10k" and "a < b" are what people write.
_TAG = re.compile(
    r"<(?:!--|/?(?:a|abbr|article|b|blockquote|body|br|center|code|del|div|em|font|footer|h[1-6]|head|header|hr|html|i"
    r"|img|ins|label|li|link|mark|meta|ol|p|pre|q|s|section|small|span|strike|strong|style|script|sub|sup|table|tbody"
    r"|td|tfoot|th|thead|title|tr|u|ul)(?=[\s/>]))",
    re.IGNORECASE,
)
# "<![if !supportLists]>", as office programs leave behind.
_CONDITION = re.compile(r"<!\[[^>]*>?")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_ENDS_A_LINE = re.compile(r"article|blockquote|body|br|div|footer|h[1-6]|header|hr|li|ol|p|pre|section|table|tr|ul")
_ENDS_A_CELL = frozenset({"td", "th"})
_UNSEEN = frozenset({"head", "script", "style", "title"})


def without_markup(text: str) -> str:
    """Return the text that a browser would show; a text without tags and entities is returned as it is.

    The ends of paragraphs and items are ends of lines.
    """
    if "<" in text and _TAG.search(text):
        return _shown(text)
    return _ENTITY.sub(lambda entity: unescape(entity.group()), text) if "&" in text else text


def _shown(text: str) -> str:
    reader = _Reader()
    reader.feed(_CONDITION.sub("", text))
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._unseen += tag in _UNSEEN
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(" ".join(data.splitlines()) if "\n" in data or "\r" in data else data)

    def _break(self, tag: str) -> None:
        if _ENDS_A_LINE.fullmatch(tag):
            self.parts.append("\n")
        elif tag in _ENDS_A_CELL:
            self.parts.append(" ")
