"""The digest as markdown."""

from collections.abc import Iterable
from datetime import UTC

from coppermind_pipeline.reports.digest.models import Digest, MindDigest, RenderedDigest
from coppermind_pipeline.reports.digest.request import DigestFormat
from coppermind_pipeline.reports.figures.measures import DealSum
from coppermind_pipeline.reports.figures.worth import worth
from coppermind_pipeline.wording import (
    ago,
    agreeing,
    as_words,
    bullets,
    capitalized,
    count,
    day,
    in_markdown,
    single_spaced,
    visible_text,
)


def rendered_digest(digest: Digest, rendering: DigestFormat) -> Digest | RenderedDigest:
    """Return the digest itself as json, else its text."""
    if rendering is DigestFormat.JSON:
        return digest
    return RenderedDigest(format=rendering.value, content=digest_markdown(digest), next_cursor=digest.next_cursor)


def digest_markdown(digest: Digest) -> str:
    """Return the digest as markdown, the worst mind first."""
    needing = digest.needing_a_person
    parts = [
        f"# {count(digest.minds_in_all, 'mind')} since {day(digest.since)}",
        "No mind needs a person."
        if not needing
        else f"{count(needing, 'mind')} {agreeing(needing, 'needs', 'need')} a person.",
    ]
    if digest.paused_since is not None:
        parts.append("The installation is paused: no portal is read.")
    elif digest.polling_stopped_since is not None:
        parts.append("Nothing looks for due polls at the moment: no portal is read.")
    for mind in digest.minds:
        parts += [f"## {in_markdown(mind.mind)}: {as_words(mind.state)}", bullets(_lines(mind, digest))]
    if digest.next_cursor is not None:
        parts.append(f"There are more: cursor {digest.next_cursor}.")
    return visible_text("\n\n".join(parts) + "\n")


def deals_in_words(deals: DealSum) -> str:
    """Return "3 deals, $12,000", or that there is none."""
    return f"{count(deals.deals, 'deal')}, {worth(deals, whole=True)}" if deals.deals else "none"


def synthesis_in_words(mind: MindDigest) -> str | None:
    """Return which synthesis is there, and what is due; None before the first backfill."""
    if mind.synthesis_due_at is None:
        return None
    last = f"{mind.synthesis_period} is there" if mind.synthesis_period else "none is there yet"
    if mind.synthesis_due:
        return f"{last}, the next is due now"
    return f"{last}, the next is due on {day(mind.synthesis_due_at.astimezone(UTC).date())}"


def _lines(mind: MindDigest, digest: Digest) -> Iterable[str]:
    for need in mind.needs:
        # Words of our own, which name calls between backticks.
        yield f"Needs a person ({in_markdown(need.connector_id)}): {single_spaced(need.what_to_do)}"
    if mind.freshness is not None:
        synced = mind.last_successful_sync
        when = "never read completely" if synced is None else f"read {ago(digest.generated_at - synced)}"
        yield f"{capitalized(as_words(mind.freshness))}, {when}"
        yield f"Won: {in_markdown(deals_in_words(mind.won))}"
        yield f"Lost: {in_markdown(deals_in_words(mind.lost))}"
        yield from (f"Worth a look: {in_markdown(each)}" for each in mind.worth_a_look)
    synthesis = synthesis_in_words(mind)
    if synthesis is not None:
        yield f"Synthesis: {synthesis}"
