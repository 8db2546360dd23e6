"""The form of the product's code: short files, small folders, no statement between lines of Python."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from coppermind_pipeline_tests.contracts.statements import PRODUCT, all_sql_pieces, modules

FILE_LINES_MAX = 400
FOLDER_MODULES_MAX = 12

_EXCUSED = Path(__file__).with_name("form.toml")


def violations() -> tuple[list[str], list[str]]:
    """Return what is out of form, and how much of it is excused by the name of its file or folder."""
    names = tomllib.loads(_EXCUSED.read_text())["excused"]
    found = list(_found())
    broken = [f"{place}: {what}" for name, place, what in found if name not in names]
    counts = Counter(name for name, _, _ in found if name in names)
    return broken, [f"{name} is out of form {count} times" for name, count in sorted(counts.items())]


def _found() -> Iterator[tuple[str, str, str]]:
    """Yield the file or folder, the place and what is out of form there."""
    files = [file for file in modules() if "migrations" not in file.parts]
    for file in files:
        if (lines := file.read_text().count("\n")) > FILE_LINES_MAX:
            yield _name(file), _name(file), f"{lines} lines, more than {FILE_LINES_MAX}"
    folders = Counter(file.parent for file in files if not file.stem.startswith("__"))
    for folder, count in sorted(folders.items()):
        if count > FOLDER_MODULES_MAX:
            yield _name(folder), _name(folder), f"{count} modules, more than {FOLDER_MODULES_MAX}"
    for piece in all_sql_pieces():
        if piece.in_function and piece.last_line > piece.first_line:
            name = _name(piece.file)
            yield name, f"{name}:{piece.first_line}", "a statement of several lines inside a function"


def _name(path: Path) -> str:
    return str(path.relative_to(PRODUCT))
