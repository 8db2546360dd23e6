"""The text of the loss themes."""

from coppermind_pipeline.synthesis.aggregates.loss_themes import LossTheme, LossThemes, LostDeals
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
    theme_names,
)
from coppermind_pipeline.wording import bullets, count


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
                *([f"Other reasons: {_share(losses.other, losses)}"] if losses.other.deals else ()),
                f"No reason given: {_share(losses.without_reason, losses)}",
            )
        ),
        closing(_changes(losses, previous) if previous is not None else None, wording.coverage),
    )


def top_sentence(losses: LossThemes) -> str:
    """Return which theme is the top one, as a sentence."""
    top = losses.top
    if not top:
        return "No theme has enough deals to be called the top one."
    names = theme_names(top)
    if len(top) > 1:
        return f"Level at the top: {names}, with {count(top[0].lost.deals, 'lost deal')} each."
    return f"Top theme: {names}."


def _row(theme: LossTheme, losses: LossThemes) -> str:
    unknown = "" if theme.lost.value else ", value not known"
    return f"{theme_names([theme])}: {_share(theme.lost, losses)}{unknown}{_example(theme)}"


def _share(lost: LostDeals, losses: LossThemes) -> str:
    value = f", {sums(lost.value)} lost" if lost.value else ""
    return f"{rate(lost.deals, losses.total.deals, 'lost deal')}{value}"


def _example(theme: LossTheme) -> str:
    if theme.example is None:
        return ""
    deal = name_line(theme.example.deal_name) if theme.example.deal_name else None
    if theme.theme.covers is None:  # the reason is the theme's name
        return f"; for example {deal}" if deal else ""
    return f"; for example “{name_line(theme.example.reason)}”{f' ({deal})' if deal else ''}"


def _changes(losses: LossThemes, previous: LossThemes) -> list[str]:
    before = {theme.theme.key: theme for theme in previous.themes}
    now = {theme.theme.key: theme for theme in losses.themes}
    return [
        *changed("lost deals", previous.total.deals, losses.total.deals),
        *changed_money("value lost", previous.total.value, losses.total.value),
        *changed_text("top theme", _top_names(previous), _top_names(losses)),
        *(
            change
            for key, theme in {**now, **before}.items()
            # A rare reason that is missing here may be among the others there.
            if theme.theme.covers is not None or (key in now and key in before)
            for change in changed(theme_names([theme]), _deals(before.get(key)), _deals(now.get(key)))
        ),
        *changed("no reason given", previous.without_reason.deals, losses.without_reason.deals),
    ]


def _deals(theme: LossTheme | None) -> int:
    return theme.lost.deals if theme is not None else 0


def _top_names(losses: LossThemes) -> str | None:
    return theme_names(losses.top) or None
