"""What somebody needs to know to connect a portal, and to help another person who can't."""

from pydantic import BaseModel, ConfigDict, Field

from coppermind_pipeline.hubspot import SCOPES

WRONG_FLOW_TEXT = "This account is not eligible to connect to Claude"


class WrongFlow(BaseModel):
    """The sign that somebody is in another product's flow."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(description="the exact text that HubSpot shows there")
    meaning: str = Field(description="what it means")
    what_to_do: str = Field(description="how to get back to the right flow")


class Refusal(BaseModel):
    """A page of HubSpot on which an approval ends, and of which nothing comes back to us."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(description="what the page says")
    verbatim: bool = Field(description="whether these are HubSpot's own words; else they say what its page amounts to")
    meaning: str = Field(description="what it means")
    what_to_do: str = Field(description="who mends it, and how")


class SetupHelp(BaseModel):
    """The right flow, who may approve, the wrong flow, HubSpot's refusals, and what never to ask a customer for."""

    model_config = ConfigDict(frozen=True)

    steps: tuple[str, ...] = Field(description="the right flow, in order")
    permissions: str = Field(description="what the approving HubSpot user must be allowed to do")
    scopes: tuple[str, ...] = Field(description="the read scopes that are asked for, and no others")
    scopes_note: str = Field(description="what the link names besides")
    wrong_flow: WrongFlow
    refusals: tuple[Refusal, ...] = Field(description="what HubSpot says where it refuses the link")
    never_ask_for: tuple[str, ...] = Field(description="secrets that no customer has to hand out")


SETUP_HELP = SetupHelp(
    steps=(
        "In Coppermind, switch to the client or prospect mind that should receive the HubSpot data.",
        "Run `connectors action=connect source_type=hubspot`.",
        "Open the returned auth_url in a browser and approve Coppermind's read-only HubSpot app.",
        (
            "Return to Coppermind and run `connectors action=status`: the connector moves from pending_setup to "
            "active, syncing or backfilling."
        ),
    ),
    permissions=(
        "The HubSpot user who approves must be allowed to install apps and to grant the CRM read scopes. If app "
        "installation is restricted, a HubSpot admin has to approve; the link works for 24 hours and in any browser."
    ),
    scopes=SCOPES,
    scopes_note=(
        "The link also names `oauth`, HubSpot's basic scope: every HubSpot app requires it, and it opens no records."
    ),
    wrong_flow=WrongFlow(
        text=WRONG_FLOW_TEXT,
        meaning="This is HubSpot's own direct Claude integration, not the Coppermind HubSpot connector.",
        what_to_do=(
            "Leave that page, go back to Coppermind and open the auth_url that "
            "`connectors action=connect source_type=hubspot` returns."
        ),
    ),
    refusals=(
        Refusal(
            text=(
                "Couldn't complete the connection: Authorization failed because the provided scopes are insufficient. "
                "Please contact the app developer."
            ),
            verbatim=True,
            meaning="The HubSpot app of this installation requires a scope that the link does not name.",
            what_to_do=(
                "Whoever runs Coppermind sets the app's required scopes to `oauth` and the seven read scopes, no more, "
                "as in `hubspot-app/`; the same link then works."
            ),
        ),
        Refusal(
            text=(
                "Couldn't complete the connection: Authorization failed because there is a mismatch between the scopes "
                "in the install URL and the app's configured scopes. Please contact the app developer."
            ),
            verbatim=True,
            meaning="The link names a scope that the HubSpot app of this installation lacks, or has as optional only.",
            what_to_do=(
                "Whoever runs Coppermind adds `oauth` and the seven read scopes to the app's required scopes, "
                "as in `hubspot-app/`; the same link then works."
            ),
        ),
        Refusal(
            text="The redirect URL doesn't match one that is registered for this app.",
            verbatim=False,
            meaning="The app does not list this installation's redirect URI, or not to the letter.",
            what_to_do=(
                "Whoever runs Coppermind registers COPPERMIND_PUBLIC_URL + `/oauth/hubspot/callback` in the app's "
                "redirect URLs: https, or http with the host localhost."
            ),
        ),
        Refusal(
            text="No app has this client ID.",
            verbatim=False,
            meaning="COPPERMIND_HUBSPOT_CLIENT_ID is not the client id of a HubSpot app.",
            what_to_do=(
                "Whoever runs Coppermind copies it once more from the app's Auth page in HubSpot, and asks for a "
                "fresh link."
            ),
        ),
        Refusal(
            text="This app can't be installed in this account.",
            verbatim=False,
            meaning=(
                "A private app may be installed in the accounts on its allow list only, ten at most; or the person "
                "chose another account than was meant."
            ),
            what_to_do=(
                "Choose the right account on HubSpot's page; if it was, whoever runs Coppermind adds its id to the "
                "app's allow list in HubSpot."
            ),
        ),
        Refusal(
            text="Request for Integration Permissions",
            verbatim=True,
            meaning="The person's role, or the tools of the account, don't allow one of the scopes.",
            what_to_do="A HubSpot admin of that account opens the same link and approves.",
        ),
    ),
    never_ask_for=(
        "HubSpot private app token",
        "personal access key",
        "developer API key",
        "service key",
        "client secret",
        "direct Claude connector install",
    ),
)
