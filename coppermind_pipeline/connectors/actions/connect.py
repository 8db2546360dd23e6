"""`connectors action=connect`: a connector that waits for its approval, and the link where that is given."""

import secrets

from pydantic import Field
from sqlalchemy import Connection, text

from coppermind_pipeline.accounts import Caller, Mind, MindKind, resolve_mind
from coppermind_pipeline.connectors.connector import Connector, Lifecycle, lock_connector
from coppermind_pipeline.connectors.errors import MindNotConnectable, UnsupportedSource
from coppermind_pipeline.connectors.events import record_event
from coppermind_pipeline.connectors.oauth.oauth_states import make_oauth_state
from coppermind_pipeline.connectors.responses import AboutConnector, Instant
from coppermind_pipeline.connectors.setup_help import SETUP_HELP, SetupHelp
from coppermind_pipeline.hubspot import SCOPES
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

SOURCE_TYPE = "hubspot"

_CONNECTABLE = (MindKind.CLIENT, MindKind.PROSPECT)
# Without the characters that people confuse when they read an id aloud.
_ID_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_ID_ATTEMPTS_MAX = 50


class ConnectResponse(AboutConnector):
    """A connector that waits for its approval."""

    status: Lifecycle = Field(description="pending_setup until somebody approves")
    auth_url: str = Field(description="the page where a person approves; open it in a browser")
    auth_url_expires_at: Instant = Field(description="the address is worth nothing from then on")
    scopes: tuple[str, ...] = Field(description="what is asked for: read scopes alone (`setup_help.scopes_note`)")
    callback_listening: bool = Field(description="whether an approval would be heard of at this moment")
    next_step: str = Field(description="what to do now, in one sentence")
    setup_help: SetupHelp = Field(description="what whoever approves needs to know")


def connect(
    database: Database,
    settings: Settings,
    caller: Caller,
    *,
    source_type: str = SOURCE_TYPE,
    mind: str | None = None,
    callback_listening: bool,
) -> ConnectResponse:
    """Return the link where a person approves the HubSpot app for a mind; `mind` None means the active one.

    While a connector of the mind waits for its approval, it is that one again, with a fresh link. `callback_listening`
    says whether this installation would hear of an approval at this moment.

    Raises:
        UnsupportedSource: `source_type` is not hubspot.
        MindNotConnectable: the mind is neither a client's nor a prospect's.
        SettingsError: the HubSpot app is not configured.
    """
    if source_type.strip().lower() != SOURCE_TYPE:
        raise UnsupportedSource(f"{source_type!r} can't be connected.")
    settings.require_hubspot_app()
    pinned = resolve_mind(database, caller, mind)
    if pinned.kind not in _CONNECTABLE:
        raise MindNotConnectable(f"{pinned.name} is an {pinned.kind} mind; a CRM belongs to a client or prospect mind.")
    with database.mind(pinned.id) as connection:
        connector = _pending_connector(connection, pinned)
        state = make_oauth_state(connection, settings, connector)
    return ConnectResponse(
        connector_id=connector.id,
        mind=pinned.name,
        mind_id=pinned.id,
        status=connector.status,
        auth_url=state.auth_url,
        auth_url_expires_at=state.expires_at,
        scopes=SCOPES,
        callback_listening=callback_listening,
        next_step=(
            "Open auth_url in a browser and approve the read-only app, then look at `connectors action=status`."
            if callback_listening
            else "Start the web service (`coppermind up` or `coppermind web`), then open auth_url and approve."
        ),
        setup_help=SETUP_HELP,
    )


def _pending_connector(connection: Connection, mind: Mind) -> Connector:
    # One at a time per mind, so that two calls at once don't leave two pending connectors.
    connection.execute(text("SELECT FROM minds WHERE id = :mind FOR UPDATE"), {"mind": mind.id})
    connector_id = connection.scalar(
        text("SELECT id FROM connectors WHERE status = 'pending_setup' ORDER BY created_at LIMIT 1")
    )
    if connector_id is not None:
        return lock_connector(connection, connector_id)
    connector = lock_connector(connection, _insert(connection, mind))
    record_event(connection, connector, "info", "created", "The connector was created and waits for its approval.")
    return connector


def _insert(connection: Connection, mind: Mind) -> str:
    for _ in range(_ID_ATTEMPTS_MAX):
        suffix = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(4))
        connector_id = connection.scalar(
            _INSERT,
            {
                "id": f"{mind.slug}-{SOURCE_TYPE}-{suffix}",
                "mind": mind.id,
                "customer": mind.customer_id,
                "source": SOURCE_TYPE,
                "status": Lifecycle.PENDING_SETUP,
            },
        )
        if connector_id is not None:
            return connector_id
    msg = f"no free connector id for the slug {mind.slug!r}"
    raise RuntimeError(msg)


_INSERT = text(
    """INSERT INTO connectors (id, mind_id, customer_id, source_type, status)
       VALUES (:id, :mind, :customer, :source, :status) ON CONFLICT (id) DO NOTHING RETURNING id"""
)
