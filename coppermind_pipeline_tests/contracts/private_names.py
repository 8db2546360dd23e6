"""Private names of libraries that the product uses: all stand in one decision, with the test that notices a change."""

import ast
import re
from collections.abc import Iterator

from coppermind_pipeline_tests.contracts.statements import PRODUCT, modules

_DECISION = PRODUCT.parent / "docs/decisions/0010-private-names-of-libraries.md"

# Public, although they begin with an underscore: so that they stay apart from columns and fields.
_PUBLIC = {"_asdict", "_exit", "_mapping", "_replace"}
_PRIVATE_MODULE = re.compile(r"[a-z]\w*(\.\w+)*\._[a-z]\w*(\.\w+)*")


def violations() -> Iterator[str]:
    """Yield the private names of libraries that the decision does not list."""
    decision = _DECISION.read_text()
    page = _DECISION.relative_to(PRODUCT.parent)
    trees = {file: ast.parse(file.read_text()) for file in modules()}
    ours = set().union(*map(_defined, trees.values()))
    for file, tree in trees.items():
        for name, line in _private_names(tree, ours):
            if name not in decision:
                yield f"{file.relative_to(PRODUCT.parent)}:{line}: {name}, private to a library, is not in {page}"


def _defined(tree: ast.AST) -> set[str]:
    """Return the names beginning with an underscore that a module gives to something of its own."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
            names.add(node.attr)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def _private_names(tree: ast.AST, ours: set[str]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and _PRIVATE_MODULE.fullmatch(node.module):
            yield node.module, node.lineno
        elif isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names if _PRIVATE_MODULE.fullmatch(each.name))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _PRIVATE_MODULE.fullmatch(node.value):
            yield node.value, node.lineno
        elif isinstance(node, ast.Attribute) and _is_private(node) and node.attr not in ours | _PUBLIC:
            yield f".{node.attr}", node.lineno


def _is_private(node: ast.Attribute) -> bool:
    return re.match("_[a-z]", node.attr) is not None and not _is_self(node.value)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}
