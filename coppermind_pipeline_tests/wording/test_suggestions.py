import pytest

from coppermind_pipeline.wording import corrections, did_you_mean, did_you_mean_part, slips_max

KEYS = ("hubspot_synthesis_cadence", "poll_interval_minutes", "report_timezone")


def test_the_known_word_that_is_spelt_most_alike_is_suggested():
    assert did_you_mean("conect", ("status", "connect"), otherwise="No.") == "Did you mean connect?"
    assert did_you_mean("pipelin", ("pipeline",), otherwise="No.", quoted=True) == "Did you mean 'pipeline'?"
    assert did_you_mean("xyz", ("status", "connect"), otherwise="Its actions are …") == "Its actions are …"


def test_a_part_of_a_long_name_is_enough_where_parts_count():
    assert did_you_mean_part("cadence", KEYS, otherwise="No.") == "Did you mean hubspot_synthesis_cadence?"
    assert did_you_mean_part("qqq", KEYS, otherwise="No.") == "No."


@pytest.mark.parametrize(("word", "slips"), [("abc", 0), ("a1234", 0), ("price", 1), ("pricing", 2)])
def test_short_words_and_numbers_are_not_taken_for_others(word: str, slips: int):
    assert slips_max(word) == slips


def test_the_nearest_spellings_come_first():
    assert corrections("pricnig", ["pricing", "printing", "pricing's", "price"], most=3)[0] == "pricing"
    assert corrections("pricnig", ["elephant"], most=3) == ()
