"""The rows of CSV files, each with the words that say where it stands."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from coppermind_pipeline.sandbox.loading.load_error import LoadError

# Spreadsheets write what the language of their user separates cells with.
_SEPARATORS = ",;\t"


class Row(NamedTuple):
    """One row without its empty cells."""

    where: str
    values: dict[str, str]


def rows_of(path: Path, *, required: tuple[str, ...] = ()) -> Iterator[Row]:
    """Yield the rows below the header; raises LoadError naming file and row."""
    header = header_of(path)
    missing = [name for name in required if name not in header]
    if missing:
        raise LoadError(f"{path.name}: the column {', '.join(missing)} is missing")
    for number, cells in enumerate(_parsed(path), start=1):
        if number == 1 or not cells:
            continue
        where = f"{path.name}, row {number}"
        if len(cells) != len(header):
            raise LoadError(f"{where}: it has {len(cells)} cells, the header {len(header)}")
        yield Row(where, {name: cell for name, cell in zip(header, cells, strict=True) if cell})


def header_of(path: Path) -> list[str]:
    """Return the first row: a name for each column, none twice; raises LoadError where it is not so."""
    header = [name.strip() for name in next(_parsed(path), [])]
    if not header or not all(header):
        raise LoadError(f"{path.name}, row 1: a header with a name for each column was expected")
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise LoadError(f"{path.name}, row 1: the column {', '.join(sorted(twice))} is there twice")
    return header


def _parsed(path: Path) -> Iterator[list[str]]:
    reader: Any = None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(_SEPARATORS, key=first.count))
            yield from reader
    except (csv.Error, UnicodeDecodeError) as error:
        line = 1 if reader is None else reader.line_num + 1
        raise LoadError(f"{path.name}, row {line}: {error}") from error
