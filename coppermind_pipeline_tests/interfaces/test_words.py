"""Each face says in its own words what to do: no sentence of the product shows another face's on any of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import coppermind_pipeline
from coppermind_pipeline.connectors import SETUP_HELP, SetupHelp
from coppermind_pipeline.interfaces.web.pages import in_buttons
from coppermind_pipeline.named_calls import in_commands, without_commands
from coppermind_pipeline.retelling import retold

_PRODUCT = Path(coppermind_pipeline.__file__).parent

# Where sentences are of one face alone. What Dagster shows is read by who runs the installation, and has a shell.
_OF_SHELL = ("interfaces/cli", "interfaces/demo", "interfaces/up", "interfaces/mcp/http.py", "defs", "store/backups.py",
             "store/server", "sandbox")  # fmt: skip
_OF_ASSISTANTS = ("interfaces/mcp",)
# What tells calls from other text, and options of a connection.
_NO_SENTENCES = ("store/migrations", "store/database.py", "named_calls.py", "tool_calls.py")
# The page of who approved and works with an assistant alone: what it says to do is the documentation's own text.
_OF_APPROVAL = ("interfaces/web/callback.py",)
# Who is not signed in yet gets in by what the shell prints.
_DOORS = {"sign_in.html"}
_TEMPLATES = sorted((_PRODUCT / "interfaces/web/templates").glob("*.html"))

_CALL = re.compile(r"\baction=|\b(?:mind|metric|name|figure)=[A-Z]")
_COMMAND = re.compile(r"`coppermind |`(?:connectors|minds|memory) (?!action=)|(?<=[ `(])--[a-z]")


def test_no_sentence_names_what_its_reader_can_not_do():
    found = list(_sentences())
    assert len(found) > 1_000
    for place, sentence in found:
        if not place.startswith(_OF_ASSISTANTS):
            assert "action=" not in in_commands(sentence), place
        if not place.startswith(_OF_SHELL):
            assert not _COMMAND.search(without_commands(sentence)), place
        if not place.startswith((*_OF_SHELL, *_OF_ASSISTANTS, *_OF_APPROVAL)):
            on_page = in_buttons(sentence)
            assert not re.search(f"{_CALL.pattern}|{_COMMAND.pattern}", on_page), place


@pytest.mark.parametrize("template", _TEMPLATES, ids=lambda path: path.name)
def test_no_page_shows_a_command_or_a_call(template: Path):
    if template.name not in _DOORS:
        assert not re.search(r"<code>\s*(coppermind|connectors|minds|memory) |[a-z]+ action=\w", template.read_text())


@pytest.mark.parametrize(
    ("said", "in_shell", "on_page"),
    [
        ("Use `connectors action=sync connector_id=a-1`.", "Use `coppermind connectors sync a-1`.",
         "Use “Sync now” on the page Connectors."),
        ("Use `minds action=switch mind=Acme`.", "Use `coppermind minds switch Acme`.", "Use an assistant."),
        ("`memory action=crm_report period=2026`", "`coppermind memory report --period 2026`", "the page CRM report"),
        ("Start it (`coppermind up`).", "Start it (`coppermind up`).", "Start it."),
    ],
)  # fmt: skip
def test_a_call_is_said_in_each_faces_words(said: str, in_shell: str, on_page: str):
    assert in_commands(said) == in_shell
    assert in_buttons(said) == on_page


def test_an_answer_is_retold_at_every_depth():
    told: SetupHelp = retold(SETUP_HELP, in_buttons)
    assert told.wrong_flow.text == SETUP_HELP.wrong_flow.text
    assert "action=" not in told.model_dump_json()
    assert "action=" in SETUP_HELP.model_dump_json()


def _sentences() -> Iterator[tuple[str, str]]:
    """Yield every text of the code that is no documentation of it, with where it stands; X where values stand."""
    for path in sorted(_PRODUCT.rglob("*.py")):
        place = str(path.relative_to(_PRODUCT))
        if place.startswith(_NO_SENTENCES):
            continue
        tree = ast.parse(path.read_text())
        documentation = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if node not in documentation | parts and (said := _text(node)) is not None and " " in said:
                yield f"{place}:{getattr(node, 'lineno', 0)}", said


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str() as said):
            return said
        case ast.JoinedStr(values=values):
            return "".join(str(value.value) if isinstance(value, ast.Constant) else "X" for value in values)
        case _:
            return None
