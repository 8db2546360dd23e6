"""The contract of tables finds each breach, in whatever form the product has its SQL."""

from pathlib import Path

import pytest

from coppermind_pipeline_tests.contracts import examples, ownership
from coppermind_pipeline_tests.contracts.access import access_of
from coppermind_pipeline_tests.contracts.ownership import Contract, Use, judged, use_of
from coppermind_pipeline_tests.contracts.schema import Door, Schema, tables_by_words
from coppermind_pipeline_tests.contracts.statements import UNKNOWN, Piece, pieces_of

_TABLES = frozenset({"portals", "deals", "owners", "archive"})
_SCHEMA = Schema(
    _TABLES, {"forget": Door("forget", is_view=False, reads=frozenset(), writes=frozenset({"deals"}))}, told={}
)


def _pieces(room: str) -> list[Piece]:
    return list(pieces_of(Path(examples.__file__), examples, room))


def _uses(room: str) -> list[Use]:
    return [use_of(piece, _SCHEMA) for piece in _pieces(room)]


@pytest.mark.parametrize(
    ("begins", "reads", "writes"),
    [
        ("SELECT id, name FROM portals", {"portals"}, set()),
        ("SELECT named_by", {"deals"}, set()),
        ("JOIN owners", {"owners"}, set()),
        ("\nWITH gone", {"portals", "owners"}, {"deals", "archive"}),
        ("UPDATE deals", {"owners"}, {"deals"}),
        ("DELETE FROM", set(), {UNKNOWN}),
        ("TRUNCATE", set(), {"archive"}),
    ],
)
def test_what_a_statement_reads_and_writes_is_found(begins: str, reads: set[str], writes: set[str]):
    (piece,) = (piece for piece in _pieces("sync") if piece.spellings[0].startswith(begins))
    access = access_of(piece, _SCHEMA)
    assert (access.reads, access.writes) == (reads, writes)


def test_who_is_no_owner_is_named_with_file_and_line():
    owners = {"portals": "sync", "deals": "sync", "owners": "sync", "archive": "memories", "forget": "memories"}
    contract = Contract(owners, published=frozenset())
    broken = judged(_uses("memories"), contract, _SCHEMA)
    line = _line_of("UPDATE deals")
    assert f"{examples.__file__}:{line}: memories writes deals, which sync owns" in [_whole(each) for each in broken]
    assert any("memories writes deals" in each and f":{_line_of('SELECT forget')}:" in each for each in broken)
    assert not any("archive" in each for each in broken)


def test_a_function_of_the_owner_may_be_asked_by_whoever_stands_below():
    contract = Contract(dict.fromkeys((*_TABLES, "forget"), "sync"), frozenset())
    broken = judged(_uses("connectors"), contract, _SCHEMA)
    assert not [each for each in broken if f":{_line_of('SELECT forget')}:" in each]


def test_a_published_table_is_read_from_above_and_by_nobody_below():
    owners = dict.fromkeys(_TABLES, "sync")
    contract = Contract(owners, published=_TABLES)
    above = judged(_uses("reports"), contract, _SCHEMA)
    below = judged(_uses("connectors"), contract, _SCHEMA)
    assert not [each for each in above if " reads " in each]
    assert [each for each in below if " reads portals" in each]


def test_a_thin_room_reads_no_table_not_even_a_published_one():
    contract = Contract(dict.fromkeys(_TABLES, "sync"), published=_TABLES, thin=frozenset({"defs"}))
    broken = judged(_uses("defs"), contract, _SCHEMA)
    assert [each for each in broken if " reads portals" in each]


def test_a_table_that_only_a_value_names_is_any_that_its_module_names():
    contract = Contract(dict.fromkeys(_TABLES, "sync"), frozenset())
    broken = judged(_uses("memories"), contract, _SCHEMA)
    assert any("memories writes portals" in each for each in broken)


def test_locks_and_conflicts_are_no_writes_of_their_own():
    sql = "SELECT 1 FROM deals FOR UPDATE OF deals; -- ON CONFLICT DO UPDATE SET id = 1"
    assert tables_by_words(sql, _TABLES) == ({"deals"}, set())


def test_the_product_keeps_the_contract():
    assert ownership.violations() == []


def _line_of(words: str) -> int:
    lines = Path(examples.__file__).read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if words in line)


def _whole(message: str) -> str:
    return str(Path(examples.__file__).parents[2] / message)
