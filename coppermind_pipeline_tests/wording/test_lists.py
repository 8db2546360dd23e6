from coppermind_pipeline.wording import bullets, first_listed, listed, some_listed


def test_things_are_listed_as_a_sentence_has_them():
    assert [listed(items) for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_what_has_commas_of_its_own_is_listed_with_semicolons_and_the_rest_counted():
    assert first_listed(["Jane, in Berlin", "Pat"], total=2) == "Jane, in Berlin; Pat"
    assert first_listed(["Jane, in Berlin", "Pat"], total=5) == "Jane, in Berlin; Pat; and 3 more"


def test_a_long_list_says_that_it_goes_on():
    assert (some_listed(["a", "b"], most=2), some_listed(["a", "b", "c"], most=2)) == ("a, b", "a, b, …")


def test_bullets_are_lines_of_their_own():
    assert bullets(["a", "b"]) == "- a\n- b"
