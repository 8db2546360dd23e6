"""Search finds what reading all records one by one finds, whatever the filters, order and pages."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coppermind_pipeline.sandbox import ExportedRecord, RunningSandbox
from coppermind_pipeline.sandbox.timestamps import parse_ms
from coppermind_pipeline_tests.sandbox.conftest import searched

Test = Callable[[ExportedRecord], bool]


def number(record: ExportedRecord, name: str) -> float | None:
    text = record.properties.get(name)
    if name == "hs_object_id":
        return int(record.id)
    if name in {"closedate", "createdate", "hs_lastmodifieddate"}:
        moment = parse_ms(text or "")
        return None if moment is None else float(moment)
    return None if text is None else float(text)


def compared(name: str, operator: str, bound: float) -> Test:
    def holds(record: ExportedRecord) -> bool:
        value = number(record, name)
        if value is None:
            return False
        return {
            "LT": value < bound,
            "LTE": value <= bound,
            "GT": value > bound,
            "GTE": value >= bound,
            "EQ": value == bound,
            "NEQ": value != bound,
        }[operator]

    return holds


@pytest.fixture(scope="module")
def deals(shared: RunningSandbox) -> list[ExportedRecord]:
    return list(shared.control.export().live("deals").values())


def filters(deals: list[ExportedRecord]) -> st.SearchStrategy[tuple[dict[str, Any], Test]]:
    """Filters whose bounds are values that occur, so that equality and off-by-one matter."""

    def ordered(name: str, operator: str, record: ExportedRecord) -> tuple[dict[str, Any], Test]:
        bound = number(record, name) or 0
        value = str(int(bound)) if name != "amount" else str(bound)
        return {"propertyName": name, "operator": operator, "value": value}, compared(name, operator, bound)

    def chosen(name: str, some: list[ExportedRecord]) -> tuple[dict[str, Any], Test]:
        values = sorted({record.properties.get(name, "none") for record in some})
        wanted = {"propertyName": name, "operator": "IN", "values": values}
        return wanted, lambda record: record.properties.get(name) in values

    def present(name: str, negated: bool) -> tuple[dict[str, Any], Test]:
        operator = "NOT_HAS_PROPERTY" if negated else "HAS_PROPERTY"
        return {"propertyName": name, "operator": operator}, lambda record: (name in record.properties) != negated

    one = st.sampled_from(deals)
    ordered_names = st.sampled_from(["hs_object_id", "amount", "closedate", "createdate", "hs_lastmodifieddate"])
    return st.one_of(
        st.builds(ordered, ordered_names, st.sampled_from(["LT", "LTE", "GT", "GTE", "EQ", "NEQ"]), one),
        st.builds(
            chosen,
            st.sampled_from(["dealstage", "pipeline", "deal_currency_code"]),
            st.lists(one, min_size=1, max_size=3),
        ),
        st.builds(present, st.sampled_from(["amount", "closed_lost_reason", "closedate"]), st.booleans()),
    )


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_search_agrees_with_reading_everything(api: httpx.Client, deals: list[ExportedRecord], data: st.DataObject):
    groups = data.draw(st.lists(st.lists(filters(deals), min_size=1, max_size=4), min_size=1, max_size=3))
    descending = data.draw(st.booleans())
    limit = data.draw(st.integers(1, 40))
    body = {
        "filterGroups": [{"filters": [wanted for wanted, _ in group]} for group in groups],
        "sorts": [{"propertyName": "hs_object_id", "direction": "DESCENDING" if descending else "ASCENDING"}],
        "limit": limit,
    }
    expected = [deal.id for deal in deals if any(all(holds(deal) for _, holds in group) for group in groups)]
    expected.sort(key=int, reverse=descending)
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = searched(api, "deals", **body, **after)
        assert page["total"] == len(expected)
        seen += [record["id"] for record in page["results"]]
        if "paging" not in page:
            break
        after = {"after": page["paging"]["next"]["after"]}
    assert seen == expected
