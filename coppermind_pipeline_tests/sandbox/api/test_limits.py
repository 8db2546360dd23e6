import httpx

from coppermind_pipeline.sandbox import Clock
from coppermind_pipeline_tests.sandbox.conftest import api_client


class StillClock(Clock):
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        super().__init__(lambda: 1_790_000_000.0)


def limited(start, **config):
    return start(contacts=3, companies=2, deals=2, limits=True, clock=StillClock(), **config)


def search(api: httpx.Client) -> httpx.Response:
    return api.post("/crm/objects/2026-09/contacts/search", json={"limit": 1})


def links(api: httpx.Client) -> httpx.Response:
    return api.post("/crm/associations/2026-09/deals/contacts/batch/read", json={"inputs": [{"id": "1"}]})


def test_search_allows_five_a_second_and_sends_no_headers(start):
    sandbox = limited(start)
    with api_client(sandbox) as api:
        assert [search(api).status_code for _ in range(6)] == [200] * 5 + [429]
        refused = search(api)
        assert refused.json()["message"] == "You have reached your secondly limit."
        assert refused.json()["policyName"] == "SECONDLY"
        assert refused.json()["errorType"] == "RATE_LIMIT"
        assert not [name for name in refused.headers if "ratelimit" in name]
        assert "retry-after" not in refused.headers
        sandbox.control.advance_clock(1_000)
        assert search(api).status_code == 200


def test_everything_else_allows_110_in_ten_seconds_and_says_what_remains(start):
    sandbox = limited(start)
    with api_client(sandbox) as api:
        answers = [api.get("/crm/objects/2026-09/contacts?limit=1") for _ in range(111)]
        assert [a.status_code for a in answers] == [200] * 110 + [429]
        assert answers[0].headers["x-hubspot-ratelimit-max"] == "110"
        assert answers[0].headers["x-hubspot-ratelimit-remaining"] == "109"
        assert answers[0].headers["x-hubspot-ratelimit-interval-milliseconds"] == "10000"
        assert answers[-1].json()["policyName"] == "TEN_SECONDLY_ROLLING"
        assert answers[-1].json()["message"] == "You have reached your ten_secondly_rolling limit."
        assert search(api).status_code == 200
        assert links(api).status_code == 207


def test_associations_have_a_budget_of_their_own(start):
    sandbox = limited(start)
    with api_client(sandbox) as api:
        assert [links(api).status_code for _ in range(101)] == [207] * 100 + [429]
        assert api.get("/crm/owners/2026-09").status_code == 200
        assert "x-hubspot-ratelimit-max" not in links(api).headers
        sandbox.control.set_switches(association_limit_headers=True)
        assert links(api).headers["x-hubspot-ratelimit-max"] == "100"


def test_the_window_rolls(start):
    sandbox = limited(start)
    sandbox.control.set_limits(policies={"general": (2, 10_000)})
    with api_client(sandbox) as api:
        first = api.get("/crm/owners/2026-09")
        sandbox.control.advance_clock(6_000)
        assert [first.status_code, api.get("/crm/owners/2026-09").status_code] == [200, 200]
        sandbox.control.advance_clock(3_999)
        assert api.get("/crm/owners/2026-09").status_code == 429
        sandbox.control.advance_clock(1)
        assert api.get("/crm/owners/2026-09").status_code == 200
        assert api.get("/crm/owners/2026-09").status_code == 429


def test_a_429_may_carry_retry_after_and_a_category(start):
    sandbox = limited(start)
    sandbox.control.set_switches(retry_after=True, rate_limit_category=True)
    sandbox.control.set_limits(policies={"general": (1, 10_000)})
    with api_client(sandbox) as api:
        api.get("/crm/owners/2026-09")
        sandbox.control.advance_clock(2_500)
        refused = api.get("/crm/owners/2026-09")
        assert refused.headers["retry-after"] == "8"
        assert refused.json()["category"] == "RATE_LIMITS"


def test_the_limits_of_two_portals_are_apart_and_those_of_two_apps_of_one_are_not(start):
    sandbox = limited(start, portals=2)
    first, second = (portal["hub_id"] for portal in sandbox.control.portals())
    with api_client(sandbox, hub_id=first) as one, api_client(sandbox, hub_id=first) as two:
        assert [search(one).status_code for _ in range(5)] == [200] * 5
        assert search(two).status_code == 429
    with api_client(sandbox, hub_id=second) as other:
        assert search(other).status_code == 200


def test_each_limit_is_turned_off_by_itself(start):
    sandbox = limited(start)
    sandbox.control.set_limits(enforced={"search": False})
    sandbox.control.set_limits(policies={"general": (1, 10_000)})
    with api_client(sandbox) as api:
        assert {search(api).status_code for _ in range(20)} == {200}
        assert [api.get("/crm/owners/2026-09").status_code for _ in range(2)] == [200, 429]
        sandbox.control.set_limits(enforced=False)
        assert api.get("/crm/owners/2026-09").status_code == 200


def test_the_most_calls_of_any_window_are_counted_whether_enforced_or_not(start):
    sandbox = limited(start)
    with api_client(sandbox) as api:
        for _ in range(7):
            search(api)
        sandbox.control.advance_clock(1_000)
        search(api)
        seen = sandbox.control.limits()["search"]
        assert (seen.calls, seen.refused, seen.most_in_window) == (8, 2, 7)
        sandbox.control.clear_log()
        search(api)
        seen = sandbox.control.limits()["search"]
        assert (seen.calls, seen.refused, seen.most_in_window) == (1, 0, 1)


def test_a_daily_limit_holds_for_a_day_of_the_portals_zone(start):
    sandbox = limited(start)
    sandbox.control.set_daily_limit(2)
    with api_client(sandbox) as api:
        assert [api.get("/crm/owners/2026-09").status_code for _ in range(3)] == [200, 200, 429]
        assert api.get("/crm/owners/2026-09").json()["policyName"] == "DAILY"
        sandbox.control.set_account(time_zone="Etc/GMT-14")
        assert api.get("/crm/owners/2026-09").status_code == 200
        sandbox.control.set_daily_limit(None)
        assert {api.get("/crm/owners/2026-09").status_code for _ in range(5)} == {200}


def test_the_request_log_tells_path_budget_status_and_portal(start):
    sandbox = limited(start)
    with api_client(sandbox) as api:
        search(api)
        links(api)
        api.get("/crm/owners/2026-09?limit=1")
        httpx.get(f"{sandbox.url}/crm/owners/2026-09")
    log = sandbox.control.requests()
    hub_id = sandbox.control.portals()[0]["hub_id"]
    assert [(r.path, r.budget, r.status, r.hub_id) for r in log] == [
        ("/crm/objects/2026-09/contacts/search", "search", 200, hub_id),
        ("/crm/associations/2026-09/deals/contacts/batch/read", "associations", 207, hub_id),
        ("/crm/owners/2026-09", "general", 200, hub_id),
        ("/crm/owners/2026-09", "general", 401, None),
    ]
    assert sandbox.control.requests(path="search")[0].records == 1
