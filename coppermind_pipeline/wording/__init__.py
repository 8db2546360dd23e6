"""Wording: the one way in which every face says what numbers, amounts, days, lists and people's own texts are.

Pure functions of what they are given, below all other rooms. What a sentence says is written where it is said; how its
parts are spelt is decided here.
"""

from coppermind_pipeline.wording.amounts import amount_text, money
from coppermind_pipeline.wording.folding import fold
from coppermind_pipeline.wording.visible import visible_text, visible_values

__all__ = [
    "amount_text",
    "fold",
    "money",
    "visible_text",
    "visible_values",
]
