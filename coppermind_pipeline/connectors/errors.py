"""What can be wrong with a connector, sorted by what the caller does next.

UsageError
├── ConnectorNotFound
├── UnsupportedSource
├── MindNotConnectable
├── ConnectorNotActive       the action needs a connected portal
├── BackfillNotStarted       there is nothing to repeat yet
├── UnknownConfigKey         names the nearest known key
└── InvalidConfigValue
NeedsPerson
├── ApprovalFailed           an approval came back that can't be used; a fresh link is needed
│   ├── OAuthStateUnknown, OAuthStateUsed, OAuthStateExpired, OAuthStateWithdrawn
│   ├── ApprovalDenied
│   ├── ApprovalIncomplete
│   └── ApprovalBroken
├── NotConnected             the connector holds no authorization (any more)
├── KeyMissing               stored credentials can't be decrypted with the keys at hand
├── KeyFileExposed
└── InvalidKeys
Degraded
├── UserLevelApp             the app sees what one user may see, and the sync goes on with that
├── AccountUnreadable        the portal's account details are refused: no time zone, currency or links
└── SettingNotApplied        the configuration names what the portal lacks
HealsByItself
└── RefreshBusy              another process has been refreshing the token for too long
"""

from coppermind_pipeline.errors import Degraded, HealsByItself, NeedsPerson, Unexpected, UsageError
from coppermind_pipeline.wording import capitalized

FRESH_LINK = "use `connectors action=connect source_type=hubspot` for a fresh link, and open it to approve."
FRESH_LINK_HINT = capitalized(FRESH_LINK)


class ConnectorNotFound(UsageError):
    """There is no such connector."""

    code = "connector_not_found"
    hint = "`connectors action=status` lists the connectors of the mind."


class UnsupportedSource(UsageError):
    """This source can't be connected."""

    code = "unsupported_source"
    hint = "The only source is hubspot."


class MindNotConnectable(UsageError):
    """Only a client or prospect mind can be connected to a CRM."""

    code = "mind_not_connectable"
    hint = "Switch to the client or prospect mind that should receive the data, or name it."


class ConnectorNotActive(UsageError):
    """The connector is not connected to a portal."""

    code = "connector_not_active"
    hint = FRESH_LINK_HINT


class BackfillNotStarted(UsageError):
    """The first backfill has not started yet, so there is none to repeat."""

    code = "backfill_not_started"
    hint = "Its start can still be chosen: configure hubspot_backfill_since."


class UnknownConfigKey(UsageError):
    """The configuration has no such key."""

    code = "unknown_config_key"


class InvalidConfigValue(UsageError):
    """A configuration key can't have this value."""

    code = "invalid_config_value"


class ApprovalFailed(NeedsPerson):
    """The approval can't be used."""

    code = "approval_failed"
    hint = FRESH_LINK_HINT


class OAuthStateUnknown(ApprovalFailed):
    """This authorization link was not made by this installation."""

    code = "link_unknown"


class OAuthStateUsed(ApprovalFailed):
    """This authorization link was used already; each link works once."""

    code = "link_used"
    hint = "`connectors action=status` shows whether the connection stands; if not, " + FRESH_LINK


class OAuthStateExpired(ApprovalFailed):
    """The authorization link expired unanswered after 24 hours."""

    code = "link_expired"
    hint = (
        "HubSpot reports nothing back when a person refuses or may not install apps, so make sure that whoever "
        "approves may, and may grant the scopes; then " + FRESH_LINK
    )


class OAuthStateWithdrawn(ApprovalFailed):
    """The connector that this link belongs to was disconnected or replaced meanwhile."""

    code = "link_withdrawn"


class ApprovalDenied(ApprovalFailed):
    """The approval was refused in HubSpot."""

    code = "approval_denied"
    hint = (
        "Someone who may install apps in HubSpot and grant the CRM read scopes has to approve, otherwise a HubSpot "
        "admin: " + FRESH_LINK
    )


class ApprovalIncomplete(ApprovalFailed):
    """HubSpot sent the browser back without an approval code."""

    code = "approval_incomplete"


class ApprovalBroken(ApprovalFailed):
    """The approval came back, but connecting failed for a reason that is none of HubSpot's."""

    code = Unexpected.code
    hint = "Tell whoever runs this installation, then " + FRESH_LINK


class NotConnected(NeedsPerson):
    """The connector holds no authorization: it was disconnected, or never connected."""

    code = "not_connected"
    hint = FRESH_LINK_HINT


class KeyMissing(NeedsPerson):
    """The stored credentials can't be decrypted with the encryption keys at hand."""

    code = "encryption_key_missing"
    hint = (
        "Give COPPERMIND_ENCRYPTION_KEYS (or the key file under COPPERMIND_HOME) the key that they were written with, "
        "and ask for a poll with `connectors action=sync`; or connect again."
    )


class KeyFileExposed(NeedsPerson):
    """The file of encryption keys can be read by others."""

    code = "key_file_exposed"


class InvalidKeys(NeedsPerson):
    """The encryption keys can't be read."""

    code = "invalid_encryption_keys"
    hint = "Each key is 32 random bytes in base64, newest first, separated by commas or line ends."


class UserLevelApp(Degraded):
    """The HubSpot app is installed for a user: records that this user may not see are missing."""

    code = "user_level_app"
    hint = (
        "Install the app for the whole account, with a user who sees all contacts, companies and deals: "
        "disconnect, then " + FRESH_LINK
    )


class AccountUnreadable(Degraded):
    """HubSpot gives no account details of the portal: its time zone, its currency and links into it are missing."""

    code = "account_unreadable"
    hint = (
        "Nothing else is missing, and every sync asks again; until it answers, name the zone of reports with "
        "`connectors action=configure` (report_timezone)."
    )


class SettingNotApplied(Degraded):
    """The configuration names what the portal does not have."""

    code = "setting_not_applied"


class RefreshBusy(HealsByItself):
    """Another process has been refreshing the portal's access token for too long."""

    code = "refresh_busy"
