from datetime import timedelta

import pytest

from coppermind_pipeline.wording import about, age, ago


@pytest.mark.parametrize(
    ("passed", "as_age", "as_ago"),
    [
        (timedelta(seconds=59), "0 minutes", "just now"),
        (timedelta(minutes=1), "1 minute", "1 minute ago"),
        (timedelta(minutes=100), "100 minutes", "1 hour ago"),
        (timedelta(hours=2), "2 hours", "2 hours ago"),
        (timedelta(hours=30), "30 hours", "1 day ago"),
        (timedelta(days=5, hours=23), "5 days", "5 days ago"),
        (timedelta(seconds=-5), "-1 minutes", "just now"),
    ],
)
def test_how_long_ago_something_was(passed: timedelta, as_age: str, as_ago: str):
    assert (age(passed), ago(passed)) == (as_age, as_ago)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, "less than a minute"), (61, "about 1 minute"), (720, "about 12 minutes"), (5_400, "about 2 hours")],
)
def test_how_long_something_will_take(seconds: float, text: str):
    assert about(seconds) == text
