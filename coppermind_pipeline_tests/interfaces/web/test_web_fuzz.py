"""Whatever is sent to the web service, it answers, says what is wrong, and shows nothing of its inside."""

import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.routing import Route

from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.web import WebService, listening_port
from coppermind_pipeline.settings import RUNBOOK_PATH, Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.interfaces.web.visitors import routes, sign_in
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

# What only a programmer's message has: a traceback, a module, a statement, a table.
INSIDE = re.compile(
    r"Traceback|File \"|\.py\b|psycopg|sqlalchemy|starlette|uvicorn|site-packages|postgresql|\bSELECT\b|\bINSERT\b|"
    r"connector_credentials|oauth_states|our-secret"
)

ODD_METHODS = st.sampled_from(["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
KNOWN_ODDITIES = [
    "", "\0", "a\0b", "9" * 400, "-1", "1e400", "NaN", "x" * 5_000, "../../../etc/passwd", "%", "%%", "%zz",
    "%c3%28", "\u202e\ud7ff\U0010ffff", "' OR 1=1 --", "<script>alert(1)</script>", "{{ 7*7 }}",
    "0001-01-01", "9999-12-31", "2026-02-30", "2026-01-01T00:00:00+23:59", "1900-01-01T00:00:00+14:00",
    "2999-12-31T23:59:59-12:00", "this_quarter", "FY2999-Q4", "1900", "last_fiscal_year", "0", str(2**63),
    "source", "hs_lastmodifieddate", "previous_year", "csv", "json", "html", "markdown", "Asia/Tokyo",
    "../UTC", "posixrules", "true", "acme", "acme-hubspot-0007",
]  # fmt: skip
ODD_VALUES = st.one_of(
    st.text(max_size=40), st.binary(max_size=20), st.integers().map(str), st.sampled_from(KNOWN_ODDITIES)
)
REPORT_ARGUMENTS = ["mind", "period", "start", "end", "date_basis", "group_by", "compare_to", "connector_id", "as_of",
                    "include_filtered", "timezone", "page", "format", "agency", "audience"]  # fmt: skip
OTHER_FIELDS = ["state", "code", "error", "error_description", "token", "buttons", "csrf"]
NAMES = st.one_of(st.sampled_from([*REPORT_ARGUMENTS, *OTHER_FIELDS]), st.text(max_size=10))
SELDOM = st.integers(0, 7).map(lambda number: number == 7)
FIELDS = st.lists(st.tuples(NAMES, ODD_VALUES), max_size=5)
ODD_TAILS = st.one_of(
    st.text(max_size=20).map(quote),
    st.sampled_from(["%", "%zz", "%00", "%2e%2e/", "/", "//", ";x", "%ff%fe", "?", "&&==&", "#"]),
)
HEADERS = st.dictionaries(
    st.sampled_from(["X-Forwarded-For", "Forwarded", "Range", "If-Modified-Since", "If-None-Match", "HX-Request",
                     "Accept-Language", "Origin", "Referer", "Content-Type"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    max_size=3,
)  # fmt: skip


class Service:
    """A running web service with one connector, and a session that is signed in."""

    def __init__(self, installation: Installation) -> None:
        self.home = installation.settings.home
        self.port = listening_port(installation.settings)
        self.addresses = [
            (method, route.path)
            for route in routes(installation)
            for method in (route.methods if isinstance(route, Route) and route.methods else {"GET"})
        ]
        with httpx.Client(base_url=installation.settings.public_url) as client:
            sign_in(client, installation.database)
            page = client.get("/").text
            self.session = client.cookies["coppermind_session"]
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        assert found is not None
        self.csrf = found[1]

    def send(self, method: str, target: str, *, headers: dict[str, str], body: bytes = b"") -> tuple[int, str]:
        """Send a request as it is; return the answer's status and text."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=30)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()


@pytest.fixture
def service(database: Database, local_customer, tmp_path: Path) -> Iterator[Service]:
    portal = StoredPortal.create(database, local_customer)
    portal.deal("1", outcome="won", stage_id="closedwon", close_at=NOW, amount="10", currency="USD")
    configured = Settings(
        home=tmp_path,
        public_url=f"http://localhost:{free_port(0)}",
        hubspot_client_id="our-client",
        hubspot_client_secret=SecretStr("our-secret"),
        hubspot_api_url="http://localhost:1",
    )
    installation = Installation(configured, database)
    with WebService(installation):
        yield Service(installation)


def _encoded(value: str | bytes, safe: str = "%") -> str:
    """Percent-encode a value, but for what is safe: a broken encoding of a query stays as it is."""
    return quote(value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass"), safe=safe)


def _body(fields: list[tuple[str, str | bytes]], kind: str) -> tuple[str, bytes]:
    """Return a form's content type and body, whole or broken."""
    if kind == "multipart":
        parts = "".join(
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
        )
        return "multipart/form-data; boundary=x", parts.encode("utf-8", "replace")
    if kind == "no boundary":
        return "multipart/form-data", b"--x\r\n"
    if kind == "bytes":
        return "application/x-www-form-urlencoded", b"\xff\x00&=&" + repr(fields).encode()
    form = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in fields)
    return "application/x-www-form-urlencoded", form.encode()


@pytest.mark.slow
@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_request_makes_it_stumble_or_shows_its_inside(service: Service, data: st.DataObject):
    method, path = data.draw(st.sampled_from(service.addresses))
    odd_part = st.one_of(st.just("acme-hubspot-0007"), ODD_VALUES.map(lambda value: _encoded(value, safe="")))
    path = re.sub(r"\{\w+\}", lambda _: data.draw(odd_part), path)
    if data.draw(SELDOM):
        method = data.draw(ODD_METHODS)
    if data.draw(SELDOM):
        path += data.draw(ODD_TAILS)
    query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in data.draw(FIELDS))
    fields = data.draw(FIELDS) + ([] if data.draw(SELDOM) else [("csrf", service.csrf)])
    kind = data.draw(st.sampled_from(["multipart", "no boundary", "bytes"])) if data.draw(SELDOM) else "form"
    content_type, body = _body(fields, kind)
    cookie = service.session
    if data.draw(SELDOM):
        cookie = data.draw(st.sampled_from(["", "x", service.session[:-1], "a" * 5_000, "=;="]))
    headers = {"Content-Type": content_type, "Cookie": f"coppermind_session={cookie}"} | data.draw(HEADERS)
    target = f"{path}?{query}" if query else path
    _check(service, target, service.send(method, target, headers=headers, body=body))


@pytest.mark.parametrize("name", REPORT_ARGUMENTS)
def test_no_value_of_a_reports_argument_makes_it_stumble(service: Service, name: str):
    signed_in = {"Cookie": f"coppermind_session={service.session}"}
    for value in KNOWN_ODDITIES:
        target = f"/reports?{name}={_encoded(value)}"
        _check(service, target, service.send("GET", target, headers=signed_in))


def _check(service: Service, target: str, answered: tuple[int, str]) -> None:
    status, answer = answered
    assert status < 500, (target, answer)
    # Operators are told there of what is inside.
    assert target.startswith(RUNBOOK_PATH) or INSIDE.search(answer) is None, (target, answer)
    assert str(service.home) not in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /reports?mind=\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /sign-out HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /sign-out HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_turned_away(service: Service, sent: bytes):
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    status = re.match(rb"HTTP/1\.[01] ([1-4]\d\d) ", answer)
    assert status is not None or not answer, answer
    assert INSIDE.search(answer.decode("utf-8", "replace")) is None
    assert httpx.get(f"http://localhost:{service.port}/healthz").status_code == 200
