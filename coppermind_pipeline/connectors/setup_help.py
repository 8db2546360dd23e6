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


class SetupHelp(BaseModel):
    """The right flow, who may approve, the wrong flow, and what never to ask a customer for."""

    model_config = ConfigDict(frozen=True)

    steps: tuple[str, ...] = Field(description="the right flow, in order")
    permissions: str = Field(description="what the approving HubSpot user must be allowed to do")
    scopes: tuple[str, ...] = Field(description="the read scopes that are asked for, and no others")
    wrong_flow: WrongFlow
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
    wrong_flow=WrongFlow(
        text=WRONG_FLOW_TEXT,
        meaning="This is HubSpot's own direct Claude integration, not the Coppermind HubSpot connector.",
        what_to_do=(
            "Leave that page, go back to Coppermind and open the auth_url that "
            "`connectors action=connect source_type=hubspot` returns."
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
