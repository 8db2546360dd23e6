"""The SQL that the product's modules hold, as it stands once its parts are put in."""

import ast
import copy
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

PRODUCT = Path(__file__).parents[2] / "coppermind_pipeline"

# What stands for a value that only a call knows: a name fits nearly everywhere in SQL, nothing and truth in the rest.
UNKNOWN = "named_by_a_value"
_STAND_INS = (UNKNOWN, "", "true")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of SQL in a module: a whole statement, or a part of some.

    Attributes:
        room: the package that the module is in, or the module's own name at the top.
        spellings: the SQL with what only a call knows replaced by each stand-in; one where all is known.
        names: the module's constants that are a single word: what a table named by a value may be.
    """

    file: Path
    room: str
    first_line: int
    last_line: int
    in_function: bool
    spellings: tuple[str, ...]
    names: frozenset[str]

    def line_of(self, word: str) -> int:
        """Return the line of the file where the piece names a word, else where it begins."""
        lines = self.file.read_text().splitlines()
        named = (n for n in range(self.first_line, self.last_line + 1) if re.search(rf"\b{word}\b", lines[n - 1]))
        return next(named, self.first_line)


@cache
def sql_pieces() -> tuple[Piece, ...]:
    """Return every piece of SQL that works with the store, by file."""
    return tuple(piece for piece in all_sql_pieces() if piece.room != "sandbox")


def all_sql_pieces() -> Iterator[Piece]:
    """Yield every piece of SQL; the sandbox keeps its portal in SQLite."""
    for file in modules():
        if "migrations" not in file.parts and file.stem != "__main__":
            yield from pieces_of(file, _imported(file), room_of(file))
    for file in sorted(PRODUCT.rglob("*.sql")):
        if "migrations" not in file.parts:
            text = file.read_text()
            yield Piece(file, room_of(file), 1, text.count("\n") + 1, False, (text,), frozenset())


def modules() -> list[Path]:
    """Return the files of all modules, in order."""
    return sorted(PRODUCT.rglob("*.py"))


def room_of(file: Path) -> str:
    """Return the room that a file is in."""
    return file.relative_to(PRODUCT).parts[0].removesuffix(".py")


def pieces_of(file: Path, module: ModuleType, room: str) -> Iterator[Piece]:
    """Yield the pieces of SQL that one module of a room holds."""
    found = list(_texts(ast.parse(file.read_text()), in_function=False))
    names = frozenset(
        str(node.value) for node, _ in found if isinstance(node, ast.Constant) and str(node.value).isidentifier()
    )
    for node, in_function in found:
        spellings = tuple(dict.fromkeys(_spelled(node, module, stand_in) for stand_in in _STAND_INS))
        if _SQL.search(spellings[0]):
            last = node.end_lineno or node.lineno
            yield Piece(file, room, node.lineno, last, in_function, spellings, names)


# Words that only SQL has in capitals.
_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|MERGE INTO|FROM|JOIN|CREATE)\b")


def _texts(node: ast.AST, *, in_function: bool) -> Iterator[tuple[ast.Constant | ast.JoinedStr, bool]]:
    """Yield the texts below a node that are no docstrings, and whether each stands in a function."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield node, in_function
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    in_function = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    for child in ast.iter_child_nodes(node):
        yield from _texts(child, in_function=in_function)


def _imported(file: Path) -> ModuleType:
    parts = file.relative_to(PRODUCT.parent).with_suffix("").parts
    return importlib.import_module(".".join(parts).removesuffix(".__init__"))


def _spelled(node: ast.Constant | ast.JoinedStr, module: ModuleType, stand_in: str) -> str:
    """Return a text with the module's own values put in, and a stand-in for what it does not know."""
    if isinstance(node, ast.Constant):
        # A text that is formatted later names its parts in braces.
        return re.sub(r"\{\w*\}", stand_in, str(node.value))
    return "".join(_part(each, module, stand_in) for each in node.values)


def _part(node: ast.expr, module: ModuleType, stand_in: str) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    alone = ast.Expression(ast.fix_missing_locations(ast.JoinedStr([copy.deepcopy(node)])))
    try:
        return eval(compile(alone, module.__name__, "eval"), vars(module))
    except (NameError, AttributeError, KeyError, TypeError):
        return stand_in
