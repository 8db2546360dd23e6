"""A synthesis at a glance: how its deals ended, where its leads leaked, and how deals came by their sources."""

from base64 import b64encode
from typing import Any

import dagster as dg

from coppermind_pipeline.synthesis import Parts

_WIDTH_PX, _BAR_PX, _ROW_PX = 200, 8, 24
# In the order of a bar's parts: those of the report's charts, then paler ones.
_COLOURS = ("#a4562a", "#8a8078", "#d9b08c", "#ddd")


def synthesis_figures(parts: Parts) -> dict[str, Any]:
    """Return counts and shares as numbers, and the chart; a chart of something, or none.

    Dagster shows Markdown beside the other figures while it is shorter than 1,000 characters.
    """
    counted = {whole: of for whole, of in parts.items() if sum(of.values())}
    figures: dict[str, Any] = {whole: sum(of.values()) for whole, of in counted.items()}
    for whole, of in counted.items():
        figures |= {f"{whole}_{part}_share": round(number / sum(of.values()), 4) for part, number in of.items()}
    return figures | ({"chart": dg.MetadataValue.md(_markdown(counted))} if counted else {})


def _markdown(parts: Parts) -> str:
    image = b64encode(_svg(parts).encode()).decode()
    return f"![{'; '.join(_label(whole, of) for whole, of in parts.items())}](data:image/svg+xml;base64,{image})"


def _label(whole: str, of: dict[str, int]) -> str:
    return f"{whole}: {', '.join(of)}"


def _svg(parts: Parts) -> str:
    """Return bars of one length, cut in the order of their labels; each colour is one path, to be short."""
    paths = [""] * len(_COLOURS)
    labels = ""
    for row, (whole, of) in enumerate(parts.items()):
        x, y = 0.0, row * _ROW_PX
        labels += f'<text y="{y + 9}">{_label(whole, of)}</text>'
        for colour, number in enumerate(of.values()):
            width = _WIDTH_PX * number / sum(of.values())
            if round(width):
                paths[colour] += f"M{x:.0f} {y + 16}h{width:.0f}"
            x += width
    drawn = "".join(f'<path d="{d}" stroke="{colour}"/>' for d, colour in zip(paths, _COLOURS, strict=True) if d)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH_PX}" height="{len(parts) * _ROW_PX}" '
        f'font-size="9" stroke-width="{_BAR_PX}">{drawn}<g stroke="none">{labels}</g></svg>'
    )
