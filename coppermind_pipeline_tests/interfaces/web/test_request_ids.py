"""Every request has a name, by which its log events are found."""

import json
import logging
from pathlib import Path

import pytest
import structlog
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web import create_app
from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database


def test_a_page_that_fails_names_the_request_that_the_log_names(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def broken(_: Request) -> None:
        structlog.get_logger().warning("about to fail")
        raise RuntimeError("a secret's words")

    configure_logs(logging.WARNING)
    app = create_app(Installation(Settings(home=tmp_path), database))
    app.router.routes.insert(0, Route("/broken", broken))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        answers = [client.get("/healthz"), client.get("/healthz")]
        failed = client.get("/broken")
    assert len({answer.headers["x-request-id"] for answer in answers}) == 2
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert [event["event"] for event in events] == ["about to fail", "page failed"]
    (name,) = {event["request_id"] for event in events}
    assert name in failed.text
    assert "secret" not in failed.text
