"""The product's errors as one tree, sorted by what the caller does next, and what does not fit into it."""

import importlib
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache

from coppermind_pipeline.connectors import ApprovalBroken
from coppermind_pipeline.errors import CoppermindError, Degraded, HealsByItself, NeedsPerson, Unexpected, UsageError
from coppermind_pipeline.hubspot import HubSpotError
from coppermind_pipeline_tests.contracts.statements import PRODUCT, modules

_KINDS = (UsageError, NeedsPerson, HealsByItself, Degraded, Unexpected)

# Says where an error comes from, beside the kind that each error of HubSpot has as well.
_ORIGINS = (HubSpotError,)

# An approval that fails for a reason that nobody foresaw is told as all such failures are, and heals by a fresh link.
_SHARE_A_CODE = (ApprovalBroken,)


def violations() -> Iterator[str]:
    """Yield the errors of no kind or of several, and the codes that mean two things."""
    every = [each for each in _below(CoppermindError) if each not in (*_KINDS, *_ORIGINS)]
    for each in every:
        kinds = [kind.__name__ for kind in _KINDS if issubclass(each, kind)]
        if len(kinds) != 1:
            yield f"{_place(each)}: {each.__name__} is of {' and '.join(kinds) or 'none'} of the kinds of errors.py"
    own = [each for each in every if "code" in vars(each) and each not in _SHARE_A_CODE]
    counts = Counter(each.code for each in (*_KINDS, *own))
    for each in own:
        if counts[each.code] > 1:
            yield f"{_place(each)}: the code {each.code} of {each.__name__} is another error's too"
    for each in _outside():
        room = ".".join(each.__module__.split(".")[:2])
        if hasattr(sys.modules[room], each.__name__):
            yield f"{_place(each)}: {each.__name__} is no error of the tree, and still leaves its room"


def tree() -> str:
    """Return the tree as docs/errors.md shows it."""
    _import_all()
    rows = [("CoppermindError", "", "", CoppermindError.__doc__ or "")]
    for kind in _KINDS:
        rows += _drawn(kind, "", is_last=kind is _KINDS[-1])
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)) for row in rows)
    return "\n".join(["```", *(line.rstrip() for line in lines), "```"])


def _drawn(error: type[CoppermindError], indent: str, *, is_last: bool) -> list[tuple[str, str, str, str]]:
    meaning = (error.__doc__ or "").splitlines()[0]
    name = f"{indent}{'└── ' if is_last else '├── '}{error.__name__}"
    rows = [(name, error.code if "code" in vars(error) else "", str(error.exit_code), meaning)]
    below = [each for each in _in_order(error) if not each.__name__.startswith("_")]
    for each in below:
        rows += _drawn(each, indent + ("    " if is_last else "│   "), is_last=each is below[-1])
    return rows


def _in_order(error: type[CoppermindError]) -> list[type[CoppermindError]]:
    """Return the errors directly below one, by name; those of a private class in between stand in its place."""
    found: list[type[CoppermindError]] = []
    for each in error.__subclasses__():
        found += _in_order(each) if each.__name__.startswith("_") else [each]
    return sorted(found, key=lambda each: each.__name__)


def _below(error: type) -> list[type]:
    _import_all()
    found = {each: None for child in error.__subclasses__() for each in (child, *_below(child))}
    return [each for each in found if each.__module__.startswith(PRODUCT.name)]


def _outside() -> list[type]:
    """Return the product's own exceptions beside the tree; the sandbox is a server of its own."""
    every = [each for each in _below(Exception) if ".sandbox." not in each.__module__]
    return [each for each in every if not issubclass(each, CoppermindError)]


@cache
def _import_all() -> None:
    """Import every module, so that each error there is known to the class above it."""
    for file in modules():
        if file.stem != "__main__" and "migrations" not in file.parts:
            parts = file.relative_to(PRODUCT.parent).with_suffix("").parts
            importlib.import_module(".".join(parts).removesuffix(".__init__"))


def _place(error: type) -> str:
    _, line = inspect.getsourcelines(error)
    return f"{error.__module__.replace('.', '/')}.py:{line}"
