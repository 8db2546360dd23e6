import time

import httpx
import pytest

from coppermind_pipeline.sandbox import Fault

OWNERS = "/crm/owners/2026-09"


def test_a_fault_answers_for_so_many_matching_requests(own, own_api: httpx.Client):
    own.control.add_fault(Fault(path="/crm/owners", after=1, count=2, status=502, body="<html>bad gateway</html>"))
    answers = [own_api.get(OWNERS) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 502, 502, 200]
    assert answers[1].headers["content-type"].startswith("text/html")
    assert answers[1].text == "<html>bad gateway</html>"
    assert own_api.get("/account-info/2026-09/details").status_code == 200


def test_a_fault_may_be_narrowed_to_a_method_and_lifted(own, own_api: httpx.Client):
    own.control.add_fault(Fault(path="contacts", method="POST", count=None, status=503, headers={"Retry-After": "3"}))
    assert own_api.get("/crm/v3/objects/contacts").status_code == 200
    refused = own_api.post("/crm/v3/objects/contacts/search", json={})
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "3"
    own.control.clear_faults()
    assert own_api.post("/crm/v3/objects/contacts/search", json={}).status_code == 200


def test_a_fault_body_may_be_json_with_an_unusual_status(own, own_api: httpx.Client):
    own.control.add_fault(Fault(status=477, body={"message": "moving"}))
    moved = own_api.get(OWNERS)
    assert moved.status_code == 477
    assert moved.json() == {"message": "moving"}


def test_a_dropped_connection_sends_nothing(own, own_api: httpx.Client):
    own.control.add_fault(Fault(path="owners", action="drop"))
    with pytest.raises(httpx.TransportError):
        own_api.get(OWNERS)
    assert own_api.get(OWNERS).status_code == 200


def read_into(received: list[bytes], response: httpx.Response) -> None:
    for part in response.iter_raw():
        received.append(part)  # noqa: PERF402  (what came before the break is wanted)


def test_a_truncated_answer_breaks_off_in_its_body(own, own_api: httpx.Client):
    whole = own_api.get(OWNERS).content
    own.control.add_fault(Fault(path="owners", action="truncate"))
    received: list[bytes] = []
    with own_api.stream("GET", OWNERS) as response, pytest.raises(httpx.RemoteProtocolError):
        read_into(received, response)
    assert b"".join(received) == whole[: len(whole) // 2]


def test_a_delayed_answer_is_the_real_one(own, own_api: httpx.Client):
    own.control.add_fault(Fault(path="owners", delay_ms=150))
    started = time.perf_counter()
    assert own_api.get(OWNERS).status_code == 200
    assert time.perf_counter() - started >= 0.15


def test_token_exchange_can_fail_on_command(own):
    own.control.add_fault(Fault(path="/oauth/.*/token", status=500, body={"message": "internal error"}))
    assert httpx.post(f"{own.url}/oauth/2026-09/token", data={}).status_code == 500
    assert httpx.post(f"{own.url}/oauth/2026-09/token", data={}).status_code == 400


def test_latency_is_added_to_every_answer(own, own_api: httpx.Client):
    own.control.set_latency(120)
    started = time.perf_counter()
    own_api.get(OWNERS)
    assert time.perf_counter() - started >= 0.12
