"""What HubSpot says with an error is kept and shown in 500 characters, all of them harmless."""

import json
from datetime import UTC, datetime

import pytest

from coppermind_pipeline.hubspot.errors import WORDS_CHARACTERS_MAX, HubSpotError
from coppermind_pipeline.hubspot.http.answers import error_for
from coppermind_pipeline.hubspot.http.transport import Answer

_STEERING = "\x1b[2J\x9b\u202e\u200b\0\U000e0041"
_LONG = f"All {_STEERING} is said. " * 50_000  # a megabyte
_OURS_MAX = 200  # method, path and status


def _error(status: int, **body: object) -> HubSpotError:
    answer = Answer(status, {}, json.dumps(body).encode())
    return error_for("GET /a", answer, budget=None, now=datetime.now(UTC), zone=UTC)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 423, 429, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        {"message": _LONG},
        {"message": "no", "correlationId": _LONG},
        {"message": "no", "policyName": _LONG, "category": _LONG},
        {"message": "no", "category": "MISSING_SCOPES", "context": {"requiredScopes": [_LONG, _LONG]}},
        {"message": "no", "errors": [{"message": _LONG, "context": {"requiredGranularScopes": [_LONG] * 3}}]},
        {"message": "\u200b" * 2_000_000 + "no"},
    ],
    ids=["message", "correlation-id", "policy", "scopes", "listed", "unseen"],
)
def test_an_error_of_a_megabyte_is_a_short_sentence(status: int, body: dict[str, object]):
    error = _error(status, **body)
    assert len(error.message) <= WORDS_CHARACTERS_MAX + _OURS_MAX
    assert not set(error.message + str(error)) & (set(_STEERING) - set("[2J"))
    assert error.message.isprintable()


def test_short_words_stay_as_they_are():
    assert _error(400, message="Größe 'ø' is no size.").message.endswith(": Größe 'ø' is no size.")
