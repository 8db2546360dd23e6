"""A connector's life: connect, OAuth callback, configuration, credentials, status, diagnostics, disconnect."""

from coppermind_pipeline.connectors.alerts import Alerted, send_alerts
from coppermind_pipeline.connectors.authorization import Authorized, complete_authorization
from coppermind_pipeline.connectors.budgets import SharedBudgets
from coppermind_pipeline.connectors.config import Cadence, ConnectorConfig
from coppermind_pipeline.connectors.configure import configure
from coppermind_pipeline.connectors.connect import SOURCE_TYPE, connect
from coppermind_pipeline.connectors.connector import (
    Connector,
    Lifecycle,
    active_connectors,
    find_connector,
    load_connector,
)
from coppermind_pipeline.connectors.credentials import KeyUse, list_keys, rotate_keys
from coppermind_pipeline.connectors.disconnect import disconnect
from coppermind_pipeline.connectors.errors import (
    ApprovalBroken,
    ApprovalDenied,
    ApprovalFailed,
    ApprovalIncomplete,
    BackfillNotStarted,
    ConnectorNotActive,
    ConnectorNotFound,
    InvalidConfigValue,
    InvalidKeys,
    KeyFileExposed,
    KeyMissing,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    LinkWithdrawn,
    MindNotConnectable,
    NotConnected,
    RefreshBusy,
    UnknownConfigKey,
    UnsupportedSource,
    UserLevelApp,
)
from coppermind_pipeline.connectors.event_log import events
from coppermind_pipeline.connectors.events import (
    ProblemKind,
    Severity,
    clear_problem,
    record_event,
    report_problem,
    set_last_error,
)
from coppermind_pipeline.connectors.facts import ConnectorFacts, read_facts
from coppermind_pipeline.connectors.freshness import Freshness, freshness
from coppermind_pipeline.connectors.keys import key_file
from coppermind_pipeline.connectors.periods import Period, period_at
from coppermind_pipeline.connectors.polling import request_sync, resync
from coppermind_pipeline.connectors.portal import open_portal, store_account
from coppermind_pipeline.connectors.profile import PortalProfile, profile_portal
from coppermind_pipeline.connectors.responses import (
    ConfigureResponse,
    ConnectorStatus,
    ConnectResponse,
    DisconnectResponse,
    ErrorDetail,
    EventsResponse,
    HubSpotBackfill,
    HubSpotDiagnostics,
    PersistentError,
    Response,
    ResyncResponse,
    StatusResponse,
    SyncResponse,
)
from coppermind_pipeline.connectors.setup_help import SETUP_HELP, WRONG_FLOW_TEXT, SetupHelp
from coppermind_pipeline.connectors.states import (
    AT_WORK,
    STATE_GUIDES,
    Headline,
    OperationalState,
    QueueState,
    headline,
    operational_state,
    queue_state,
)
from coppermind_pipeline.connectors.status import connector_status, status
from coppermind_pipeline.connectors.tokens import StoredTokens
from coppermind_pipeline.connectors.tool import ConnectorsAction, ConnectorsAnswer, connectors_tool

__all__ = [
    "AT_WORK",
    "SETUP_HELP",
    "SOURCE_TYPE",
    "STATE_GUIDES",
    "WRONG_FLOW_TEXT",
    "Alerted",
    "ApprovalBroken",
    "ApprovalDenied",
    "ApprovalFailed",
    "ApprovalIncomplete",
    "Authorized",
    "BackfillNotStarted",
    "Cadence",
    "ConfigureResponse",
    "ConnectResponse",
    "Connector",
    "ConnectorConfig",
    "ConnectorFacts",
    "ConnectorNotActive",
    "ConnectorNotFound",
    "ConnectorStatus",
    "ConnectorsAction",
    "ConnectorsAnswer",
    "DisconnectResponse",
    "ErrorDetail",
    "EventsResponse",
    "Freshness",
    "Headline",
    "HubSpotBackfill",
    "HubSpotDiagnostics",
    "InvalidConfigValue",
    "InvalidKeys",
    "KeyFileExposed",
    "KeyMissing",
    "KeyUse",
    "Lifecycle",
    "LinkExpired",
    "LinkUnknown",
    "LinkUsed",
    "LinkWithdrawn",
    "MindNotConnectable",
    "NotConnected",
    "OperationalState",
    "Period",
    "PersistentError",
    "PortalProfile",
    "ProblemKind",
    "QueueState",
    "RefreshBusy",
    "Response",
    "ResyncResponse",
    "SetupHelp",
    "Severity",
    "SharedBudgets",
    "StatusResponse",
    "StoredTokens",
    "SyncResponse",
    "UnknownConfigKey",
    "UnsupportedSource",
    "UserLevelApp",
    "active_connectors",
    "clear_problem",
    "complete_authorization",
    "configure",
    "connect",
    "connector_status",
    "connectors_tool",
    "disconnect",
    "events",
    "find_connector",
    "freshness",
    "headline",
    "key_file",
    "list_keys",
    "load_connector",
    "open_portal",
    "operational_state",
    "period_at",
    "profile_portal",
    "queue_state",
    "read_facts",
    "record_event",
    "report_problem",
    "request_sync",
    "resync",
    "rotate_keys",
    "send_alerts",
    "set_last_error",
    "status",
    "store_account",
]
