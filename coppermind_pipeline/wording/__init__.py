"""Wording: the one way in which every face says what numbers, amounts, days, lists and people's own texts are.

Pure functions of what they are given, below all other rooms. What a sentence says is written where it is said; how its
parts are spelt is decided here.
"""

from coppermind_pipeline.wording.amounts import amount_text, compact_money, money
from coppermind_pipeline.wording.articles import with_article, with_the
from coppermind_pipeline.wording.counts import agreeing, are, count, have, in_number, number, size
from coppermind_pipeline.wording.days import (
    clock,
    clock_with_zone,
    day,
    day_range,
    iso_day,
    month,
    utc_minute,
    utc_second,
)
from coppermind_pipeline.wording.durations import about, age, ago
from coppermind_pipeline.wording.folding import ascii_letters, fold, without_accents
from coppermind_pipeline.wording.lines import (
    as_words,
    capitalized,
    cut,
    in_markdown,
    one_line,
    single_spaced,
    uncapitalized,
)
from coppermind_pipeline.wording.lists import bullets, first_listed, listed, some_listed, some_named
from coppermind_pipeline.wording.percents import exact_percent, percent, report_percent
from coppermind_pipeline.wording.search_words import (
    name_word,
    name_words,
    opening_and_rest,
    search_vector,
    search_words,
    whole_name,
    words_of,
)
from coppermind_pipeline.wording.suggestions import corrections, did_you_mean, did_you_mean_part, slips_max
from coppermind_pipeline.wording.visible import visible_text, visible_values

__all__ = [
    "about",
    "age",
    "ago",
    "agreeing",
    "amount_text",
    "are",
    "as_words",
    "ascii_letters",
    "bullets",
    "capitalized",
    "clock",
    "clock_with_zone",
    "compact_money",
    "corrections",
    "count",
    "cut",
    "day",
    "day_range",
    "did_you_mean",
    "did_you_mean_part",
    "exact_percent",
    "first_listed",
    "fold",
    "have",
    "in_markdown",
    "in_number",
    "iso_day",
    "listed",
    "money",
    "month",
    "name_word",
    "name_words",
    "number",
    "one_line",
    "opening_and_rest",
    "percent",
    "report_percent",
    "search_vector",
    "search_words",
    "single_spaced",
    "size",
    "slips_max",
    "some_listed",
    "some_named",
    "uncapitalized",
    "utc_minute",
    "utc_second",
    "visible_text",
    "visible_values",
    "whole_name",
    "with_article",
    "with_the",
    "without_accents",
    "words_of",
]
