"""What happened to a connector, and what is wrong with it until the same call succeeds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.connectors.errors import AccountUnreadable, UserLevelApp
from coppermind_pipeline.errors import CoppermindError

Severity = Literal["info", "warning", "error"]
ProblemKind = Literal["auth", "rate_limit", "scope", "config"]

# Syncs succeed in spite of these: only who reported one takes it back, by its code.
STANDING_PROBLEMS = (UserLevelApp.code, AccountUnreadable.code)


def is_refusal(kind: ProblemKind, code: str) -> bool:
    """Say whether a problem is that HubSpot refuses the authorization, or a part of it that syncs need."""
    return kind in {"auth", "scope"} and code not in STANDING_PROBLEMS


def record_event(  # noqa: PLR0917 - reads as one line of a log
    connection: Connection,
    connector: Connector,
    severity: Severity,
    code: str,
    message: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry to the connector's log, in the transaction of its mind; no secret and no record belongs there."""
    connection.execute(
        _RECORD_EVENT,
        connector.scope.values(
            severity=severity, code=code, message=message, details=orjson.dumps(dict(details or {})).decode()
        ),
    )


_RECORD_EVENT = text(
    """INSERT INTO connector_events (connector_id, mind_id, severity, code, message, details)
       VALUES (:connector, :mind, :severity, :code, :message, CAST(:details AS jsonb))"""
)


def report_problem(
    connection: Connection,
    connector: Connector,
    kind: ProblemKind,
    error: CoppermindError,
    *,
    stops: bool = True,
    step: str | None = None,
    run_id: str | None = None,
) -> None:
    """Show an error in status until `clear_problem`, and log it when it is new.

    It becomes the last error, unless nothing `stops` for it. `step` is what raised it, whose success takes it back.
    """
    known = connection.scalar(
        text("SELECT true FROM connector_problems WHERE connector_id = :connector AND kind = :kind AND code = :code"),
        {"connector": connector.id, "kind": kind, "code": error.code},
    )
    connection.execute(
        _REPORT_PROBLEM,
        connector.scope.values(kind=kind, code=error.code, message=error.message, hint=error.hint, step=step),
    )
    if stops:
        set_last_error(connection, connector.id, error, step=step)
    if not known:
        details = {"kind": kind, "step": step, "hint": error.hint, "run_id": run_id}
        record_event(connection, connector, "error" if stops else "warning", error.code, error.message, details)


_REPORT_PROBLEM = text(
    """INSERT INTO connector_problems (connector_id, mind_id, kind, code, message, hint, step, last_seen)
       VALUES (:connector, :mind, :kind, :code, :message, :hint, :step, clock_timestamp())
       ON CONFLICT (connector_id, kind, code) DO UPDATE
          SET message = excluded.message, hint = excluded.hint, step = excluded.step,
              last_seen = excluded.last_seen"""
)


def clear_problem(
    connection: Connection, connector: Connector, kind: ProblemKind, code: str | None = None, *, step: str | None = None
) -> None:
    """Take back what `report_problem` showed of that kind (and code, and step), because the same call succeeded."""
    connection.execute(
        _CLEAR_PROBLEM,
        {"connector": connector.id, "kind": kind, "code": code, "standing": list(STANDING_PROBLEMS), "step": step},
    )


_CLEAR_PROBLEM = text(
    """WITH cleared AS (
           DELETE FROM connector_problems
            WHERE connector_id = :connector AND kind = :kind
              AND CASE WHEN CAST(:code AS text) IS NULL THEN code <> ALL(:standing) ELSE code = :code END
              AND (CAST(:step AS text) IS NULL OR step = :step)
           RETURNING code)
       UPDATE connectors SET last_error = NULL
        WHERE id = :connector AND last_error ->> 'code' IN (SELECT code FROM cleared)"""
)


def forget_last_error(
    connection: Connection, connector: Connector, *, of: str | None = None, but_of: Sequence[str] = ()
) -> None:
    """Take back the connector's last error: that `of` one step, or of every step but some."""
    connection.execute(_FORGET_LAST_ERROR, {"connector": connector.id, "of": of, "but_of": list(but_of)})


_FORGET_LAST_ERROR = text(
    """UPDATE connectors SET last_error = NULL
        WHERE id = :connector
          AND CASE WHEN CAST(:of AS text) IS NULL
                   THEN coalesce(last_error ->> 'step', '') <> ALL(CAST(:but_of AS text[]))
                   ELSE last_error ->> 'step' = :of END"""
)


def set_last_error(
    connection: Connection, connector_id: str, error: CoppermindError, *, setup: bool = False, step: str | None = None
) -> None:
    """Store the connector's last error; with `setup`, also as what keeps it from being set up.

    `step` is the step of a sync that it stopped.
    """
    connection.execute(
        _SET_LAST_ERROR,
        {
            "connector": connector_id,
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "step": step,
            "setup": setup,
        },
    )


_ERROR = """jsonb_build_object('code', CAST(:code AS text), 'message', CAST(:message AS text),
                               'hint', CAST(:hint AS text), 'at', clock_timestamp())"""
_SET_LAST_ERROR = text(
    f"""UPDATE connectors
           SET last_error = {_ERROR} || jsonb_build_object('step', CAST(:step AS text)),
               setup_error = CASE WHEN :setup THEN {_ERROR} ELSE setup_error END
         WHERE id = :connector"""
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong until the same call succeeds; a sync goes on in spite of one that `stands`."""

    kind: ProblemKind
    code: str
    message: str
    hint: str

    @property
    def stands(self) -> bool:
        """Whether syncs succeed all the same."""
        return self.code in STANDING_PROBLEMS

    @property
    def refuses(self) -> bool:
        """Whether HubSpot refuses the authorization, or a part of it."""
        return is_refusal(self.kind, self.code)


def problems_of(connection: Connection, connector_ids: Collection[str]) -> dict[str, list[Problem]]:
    """Return what is wrong with each of the connectors, oldest first."""
    problems: dict[str, list[Problem]] = {connector_id: [] for connector_id in connector_ids}
    for row in connection.execute(_PROBLEMS, {"connectors": list(connector_ids)}):
        problems[row.connector_id].append(Problem(row.kind, row.code, row.message, row.hint))
    return problems


_PROBLEMS = text(
    """SELECT connector_id, kind, code, message, hint FROM connector_problems
        WHERE connector_id = ANY(:connectors) ORDER BY since, code"""
)


def last_error(connection: Connection, connector_id: str) -> str | None:
    """Return the last error and what to do about it, in words; None if all is well."""
    error = connection.scalar(_LAST_ERROR, {"connector": connector_id})
    return f"{error['message']} {error['hint']}".strip() if error else None


_LAST_ERROR = text("SELECT last_error FROM connectors WHERE id = :connector")
