"""The chart of a synthesis is drawn beside its figures, and says shares and counts alone."""

import re
from base64 import b64decode
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.defs.metadata import synthesis_figures

# Beyond that, Dagster shows a link in the place of Markdown.
INLINE_CHARS_MAX = 1_000

PARTS = {
    "deals": ("won", "lost", "open"),
    "sources": ("deal", "contact", "company", "unknown"),
    "leads": ("disqualified", "postponed", "stuck", "kept"),
}
counts = st.fixed_dictionaries(
    {}, optional={whole: st.fixed_dictionaries(dict.fromkeys(of, st.integers(0, 10**7))) for whole, of in PARTS.items()}
)


@given(counts)
def test_it_is_short_enough_and_its_bars_have_the_length_of_the_shares(parts):
    figures = synthesis_figures(parts)
    told = {whole: of for whole, of in parts.items() if sum(of.values())}
    assert {whole: figures.get(whole) for whole in parts if whole in figures} == {
        w: sum(of.values()) for w, of in told.items()
    }
    for whole, of in told.items():
        assert sum(figures[f"{whole}_{part}_share"] for part in of) == pytest.approx(1, abs=0.001)
    if not told:
        assert "chart" not in figures
        return
    markdown = figures["chart"].md_str
    assert len(markdown) < INLINE_CHARS_MAX
    (image,) = re.findall(r"base64,([^)]*)\)", markdown)
    drawing = ElementTree.fromstring(b64decode(image))
    paths = "".join(path.attrib["d"] for path in drawing.iter("{http://www.w3.org/2000/svg}path"))
    drawn = sum(int(length) for length in re.findall(r"h(\d+)", paths))
    assert drawn == pytest.approx(200 * len(told), abs=2 * sum(len(of) for of in told.values()))


def test_nothing_is_drawn_of_nothing():
    assert synthesis_figures({}) == {}
