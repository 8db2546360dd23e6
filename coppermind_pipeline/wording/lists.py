"""Lists: several things in one sentence, cut where they are too many, or one to a line."""

from collections.abc import Iterable, Sequence


def listed(items: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b and c"; nothing of nothing."""
    if len(items) <= 1:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def some_named(names: Sequence[str], *, most: int) -> str:
    """Return as many of the names as `most`, and how many more there are: "a, b and 4 more"."""
    more = len(names) - most
    return listed([*names[:most], f"{more} more"] if more > 0 else names)


def first_listed(phrases: Sequence[str], *, total: int) -> str:
    """Return the phrases, which have commas of their own, and how many more there are: "a, in b; c; and 3 more"."""
    more = total - len(phrases)
    return "; ".join([*phrases, f"and {more} more"] if more > 0 else phrases)


def some_listed(values: Sequence[str], *, most: int) -> str:
    """Return as many of the values as `most`, and a sign that there are others: "a, b, …"."""
    return ", ".join([*values[:most], "…"] if len(values) > most else values)


def bullets(lines: Iterable[str]) -> str:
    """Return one line per item, as markdown has lists."""
    return "\n".join(f"- {line}" for line in lines)
