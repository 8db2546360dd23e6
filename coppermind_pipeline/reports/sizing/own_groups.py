"""Which groups of an answer stand by themselves: the largest, or, where it is made again, those that it had.

An answer's id names each of its groups by a digest, by which it is found again wherever it stands by now, whatever came
or went beside it.
"""

import hashlib
from collections.abc import Collection, Sequence

_DIGEST_CHARS = 8
_EVERY_PORTAL = ""

GroupKey = tuple[str, str]


def own_groups(ranked: Sequence[GroupKey], *, most: int, again: Collection[str] | None) -> set[GroupKey]:
    """Return the groups that stand by themselves; the others are added up.

    Args:
        ranked: the largest first.
        again: digests of the groups of the answer that is made again, however large they are by now; None: it is new.
    """
    if again is None:
        return set(ranked[:most])
    return {group for group in ranked if group_digest(*group) in again}


def group_digest(connector_id: str, key: str) -> str:
    """Return a short name of a group."""
    return hashlib.sha256(f"{connector_id}/{key}".encode()).hexdigest()[:_DIGEST_CHARS]


def theme_key(theme: str) -> GroupKey:
    """Return what a theme of losses is called as a group: it is one of all portals."""
    return _EVERY_PORTAL, theme
