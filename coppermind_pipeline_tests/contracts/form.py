"""The form of the product's code: short files, small folders, no statement between lines of Python."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from coppermind_pipeline_tests.contracts.statements import PRODUCT, all_sql_pieces, modules

FILE_LINES_MAX = 400
FOLDER_MODULES_MAX = 12


def violations() -> Iterator[str]:
    """Yield the place of what is out of form, and what it is."""
    files = [file for file in modules() if "migrations" not in file.parts]
    for file in files:
        if (lines := file.read_text().count("\n")) > FILE_LINES_MAX:
            yield f"{_name(file)}: {lines} lines, more than {FILE_LINES_MAX}"
    folders = Counter(file.parent for file in files if not file.stem.startswith("__"))
    for folder, count in sorted(folders.items()):
        if count > FOLDER_MODULES_MAX:
            yield f"{_name(folder)}: {count} modules, more than {FOLDER_MODULES_MAX}"
    for piece in all_sql_pieces():
        if piece.in_function and piece.last_line > piece.first_line:
            yield f"{_name(piece.file)}:{piece.first_line}: a statement of several lines inside a function"


def _name(path: Path) -> str:
    return str(path.relative_to(PRODUCT))
