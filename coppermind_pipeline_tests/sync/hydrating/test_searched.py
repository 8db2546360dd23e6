"""What a search asks for fits into its body, whatever a portal defines."""

from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import DATE_ENTERED_PREFIX
from coppermind_pipeline.hubspot import HubSpotClient
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.hydrating.property_set import PropertySet
from coppermind_pipeline.sync.hydrating.required import required_properties
from coppermind_pipeline.sync.pulling.position import Position
from coppermind_pipeline.sync.pulling.scan import scan_modified
from coppermind_pipeline_tests.hubspot.in_memory import InMemory
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply, Request
from coppermind_pipeline_tests.sync.pulling.scanning import SINCE, OneToken
from coppermind_pipeline_tests.sync.reconciled import Unpaced

BODY_CHARACTERS_MAX = 3_000
NOTHING = {"total": 0, "results": []}


def property_set(object_type: ObjectType, of_stages: list[str]) -> PropertySet:
    required = tuple(required_properties(object_type, defined=(), of_stages=of_stages))
    return PropertySet(full=required, required=required, calculated=frozenset())


@given(
    object_type=st.sampled_from(ObjectType),
    stages=st.lists(st.from_regex(r"[a-z0-9_]{1,60}", fullmatch=True), max_size=120, unique=True),
    position=st.builds(Position, last_id=st.integers(0, 2**62), first_id=st.none() | st.integers(2**62, 2**63 - 1)),
)
async def test_a_search_is_no_longer_than_hubspots_guide_allows(
    object_type: ObjectType, stages: list[str], position: Position
):
    properties = property_set(object_type, [DATE_ENTERED_PREFIX + stage for stage in stages])
    bodies: list[bytes] = []

    def answer(request: Request) -> Reply:
        bodies.append(request.body)
        return Reply(200, NOTHING)

    client = HubSpotClient("http://hubspot.invalid", OneToken(), Unpaced(), transport=InMemory(answer))
    async with client:
        found = scan_modified(client, object_type, since=SINCE, properties=properties.searched, start=position)
        _ = [page async for page in found]
    assert bodies
    assert max(map(len, bodies)) <= BODY_CHARACTERS_MAX


def test_what_a_search_returns_is_all_that_is_required_where_that_fits():
    properties = property_set(ObjectType.DEALS, [f"{DATE_ENTERED_PREFIX}{stage}" for stage in range(900_000, 900_050)])
    assert properties.searched == properties.required


def test_dates_of_entry_that_a_search_does_not_return_are_kept_where_all_else_is_refused():
    properties = property_set(ObjectType.DEALS, [f"{DATE_ENTERED_PREFIX}{stage}" for stage in range(900_000, 900_100)])
    refusing = PropertySet(properties.full, properties.required, frozenset(), refused=frozenset(properties.full))
    assert refusing.left_out == frozenset(properties.required).difference(properties.searched)
    assert refusing.left_out
