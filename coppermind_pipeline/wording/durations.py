"""Durations: how long ago something was, and how long something will take."""

from datetime import timedelta

from coppermind_pipeline.wording.counts import count

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def age(passed: timedelta) -> str:
    """Return a time in a unit of which there are several: "100 minutes", "30 hours", "5 days"."""
    if passed < 2 * _HOUR:
        return count(passed // _MINUTE, "minute")
    return count(passed // _HOUR, "hour") if passed < 2 * _DAY else count(passed // _DAY, "day")


def ago(passed: timedelta) -> str:
    """Return a time in the largest unit of which there is one: "1 hour ago", "5 days ago", "just now"."""
    for unit, length in (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE)):
        if passed >= length:
            return f"{count(passed // length, unit)} ago"
    return "just now"


def about(seconds: float) -> str:
    """Return a rough length of time, such as "about 12 minutes"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"about {count(minutes, 'minute') if minutes < 90 else count(round(minutes / 60), 'hour')}"
