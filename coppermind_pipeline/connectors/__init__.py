"""A connector's life: connect, OAuth callback, configuration, credentials, status, diagnostics, disconnect.

The tool's actions are in `actions/` (`status` in `status/`), behind `tool.py`. They stand on `oauth/`, the
authorization and its tokens, and on `status/`, the facts and the state that follows. Both stand on what a connector is
and may be told (`connector.py`, `configuration/`), and on what happened to it (`events.py`).
"""

from coppermind_pipeline.connectors.account import note_account
from coppermind_pipeline.connectors.actions.configure import ConfigureResponse, configure
from coppermind_pipeline.connectors.actions.connect import SOURCE_TYPE, ConnectResponse, connect
from coppermind_pipeline.connectors.actions.disconnect import DisconnectResponse, disconnect
from coppermind_pipeline.connectors.actions.event_log import EventsResponse, read_events
from coppermind_pipeline.connectors.actions.polling import ResyncResponse, SyncResponse, request_sync, resync
from coppermind_pipeline.connectors.budgets import calls_a_second, waited_for_turns
from coppermind_pipeline.connectors.configuration.config import POLL_INTERVAL_MINUTES, Cadence, ConnectorConfig
from coppermind_pipeline.connectors.configuration.freshness import Freshness, freshness
from coppermind_pipeline.connectors.configuration.periods import (
    Period,
    PeriodKeyError,
    next_due,
    parse_period_key,
    period_key_for,
)
from coppermind_pipeline.connectors.connector import (
    Connector,
    Lifecycle,
    active_connectors,
    connectors_by_status,
    connectors_created_before,
    load_connector,
)
from coppermind_pipeline.connectors.errors import (
    AccountUnreadable,
    ApprovalBroken,
    ConnectorNotFound,
    InvalidKeys,
    KeyFileExposed,
    KeyMissing,
    NotConnected,
    SettingNotApplied,
    UserLevelApp,
)
from coppermind_pipeline.connectors.event_retention import remove_old_log_entries, share_of_old_log_entries
from coppermind_pipeline.connectors.events import (
    Problem,
    ProblemKind,
    clear_problem,
    forget_last_error,
    last_error,
    problems_of,
    record_event,
    report_problem,
    set_last_error,
)
from coppermind_pipeline.connectors.oauth.authorization import complete_authorization
from coppermind_pipeline.connectors.oauth.credentials import KeyUse, list_keys, rotate_keys
from coppermind_pipeline.connectors.oauth.keys import key_file
from coppermind_pipeline.connectors.oauth.tokens import StoredTokens
from coppermind_pipeline.connectors.portal import open_portal
from coppermind_pipeline.connectors.responses import Instant, Response
from coppermind_pipeline.connectors.setup_help import SETUP_HELP, SetupHelp
from coppermind_pipeline.connectors.status.alerts import send_alerts
from coppermind_pipeline.connectors.status.check_reports import (
    DueReport,
    due_reports,
    evaluate,
    reporting,
    tell_all_again,
)
from coppermind_pipeline.connectors.status.conditions import Condition, Finding, Severity
from coppermind_pipeline.connectors.status.facts import ConnectorFacts, read_all_facts, read_facts
from coppermind_pipeline.connectors.status.fleet import Fleet, fleet_of, requests_sent
from coppermind_pipeline.connectors.status.next_steps import correction, failed_step, needs_person, of_connector
from coppermind_pipeline.connectors.status.responses import ConnectorStatus, StatusResponse
from coppermind_pipeline.connectors.status.states import AT_WORK, STATE_GUIDES, Headline, OperationalState
from coppermind_pipeline.connectors.status.status import connector_status, status
from coppermind_pipeline.connectors.tool import ConnectorsAction, ConnectorsAnswer, connectors_tool

__all__ = [
    "AT_WORK",
    "POLL_INTERVAL_MINUTES",
    "SETUP_HELP",
    "SOURCE_TYPE",
    "STATE_GUIDES",
    "AccountUnreadable",
    "ApprovalBroken",
    "Cadence",
    "Condition",
    "ConfigureResponse",
    "ConnectResponse",
    "Connector",
    "ConnectorConfig",
    "ConnectorFacts",
    "ConnectorNotFound",
    "ConnectorStatus",
    "ConnectorsAction",
    "ConnectorsAnswer",
    "DisconnectResponse",
    "DueReport",
    "EventsResponse",
    "Finding",
    "Fleet",
    "Freshness",
    "Headline",
    "Instant",
    "InvalidKeys",
    "KeyFileExposed",
    "KeyMissing",
    "KeyUse",
    "Lifecycle",
    "NotConnected",
    "OperationalState",
    "Period",
    "PeriodKeyError",
    "Problem",
    "ProblemKind",
    "Response",
    "ResyncResponse",
    "SettingNotApplied",
    "SetupHelp",
    "Severity",
    "StatusResponse",
    "StoredTokens",
    "SyncResponse",
    "UserLevelApp",
    "active_connectors",
    "calls_a_second",
    "clear_problem",
    "complete_authorization",
    "configure",
    "connect",
    "connector_status",
    "connectors_by_status",
    "connectors_created_before",
    "connectors_tool",
    "correction",
    "disconnect",
    "due_reports",
    "evaluate",
    "failed_step",
    "fleet_of",
    "forget_last_error",
    "freshness",
    "key_file",
    "last_error",
    "list_keys",
    "load_connector",
    "needs_person",
    "next_due",
    "note_account",
    "of_connector",
    "open_portal",
    "parse_period_key",
    "period_key_for",
    "problems_of",
    "read_all_facts",
    "read_events",
    "read_facts",
    "record_event",
    "remove_old_log_entries",
    "report_problem",
    "reporting",
    "request_sync",
    "requests_sent",
    "resync",
    "rotate_keys",
    "send_alerts",
    "set_last_error",
    "share_of_old_log_entries",
    "status",
    "tell_all_again",
    "waited_for_turns",
]
