"""The text of the loss themes."""

from coppermind_pipeline.synthesis.aggregates.loss_themes import LossTheme, LossThemes
from coppermind_pipeline.synthesis.texts.wording import (
    Wording,
    changed,
    changed_money,
    changed_text,
    closing,
    document,
    name_line,
    opening,
    rate,
    sums,
)
from coppermind_pipeline.wording import bullets, count, listed


def loss_themes_text(losses: LossThemes, previous: LossThemes | None, wording: Wording) -> str:
    """Return the text of the loss themes; shares are of all lost deals, and those without a reason are always told."""
    total = losses.total
    return document(
        opening("Closed-lost themes", wording.coverage),
        f"{count(total.deals, 'lost deal')}, worth {sums(total.value)}. Reasons are grouped by fixed rules on their "
        f"words; shares are of all lost deals. {top_sentence(losses)}",
        bullets(
            (
                *(_row(theme, losses) for theme in losses.themes),
                f"No reason given: {rate(losses.without_reason.deals, total.deals, 'lost deal')}"
                + (f", {sums(losses.without_reason.value)} lost" if losses.without_reason.value else ""),
            )
        ),
        closing(_changes(losses, previous) if previous is not None else None, wording.coverage),
    )


def top_sentence(losses: LossThemes) -> str:
    """Return which theme is the top one, as a sentence."""
    top = losses.top
    if not top:
        return "No theme has enough deals to be called the top one."
    names = listed([theme.theme.value for theme in top])
    if len(top) > 1:
        return f"Level at the top: {names}, with {count(top[0].lost.deals, 'lost deal')} each."
    return f"Top theme: {names}."


def _row(theme: LossTheme, losses: LossThemes) -> str:
    lost = theme.lost
    value = f", {sums(lost.value)} lost" if lost.value else ", value not known"
    return f"{theme.theme.value}: {rate(lost.deals, losses.total.deals, 'lost deal')}{value}{_example(theme)}"


def _example(theme: LossTheme) -> str:
    if theme.example is None:
        return ""
    deal = f" ({name_line(theme.example.deal_name)})" if theme.example.deal_name else ""
    return f"; for example “{name_line(theme.example.reason)}”{deal}"


def _changes(losses: LossThemes, previous: LossThemes) -> list[str]:
    before = {theme.theme: theme.lost.deals for theme in previous.themes}
    now = {theme.theme: theme.lost.deals for theme in losses.themes}
    return [
        *changed("lost deals", previous.total.deals, losses.total.deals),
        *changed_money("value lost", previous.total.value, losses.total.value),
        *changed_text("top theme", _top_names(previous), _top_names(losses)),
        *(
            change
            for theme in {**now, **before}
            for change in changed(theme.value, before.get(theme, 0), now.get(theme, 0))
        ),
        *changed("no reason given", previous.without_reason.deals, losses.without_reason.deals),
    ]


def _top_names(losses: LossThemes) -> str | None:
    return listed([theme.theme.value for theme in losses.top]) or None
