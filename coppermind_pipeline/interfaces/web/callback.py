"""GET /oauth/hubspot/callback: where HubSpot sends the browser of whoever answered an authorization link.

It needs no session: the link's state is its proof, and the person who approves is often somebody else.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from coppermind_pipeline.connectors import SETUP_HELP, complete_authorization
from coppermind_pipeline.errors import CoppermindError, HealsByItself
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web.pages import page


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a failed approval means to the person who sees it, and what they can do."""

    title: str
    steps: tuple[str, ...]
    tone: str = "bad"
    badge: str = "Not connected"
    wrong_flow: bool = False


async def hubspot_callback(request: Request) -> Response:
    """Complete the authorization, and say what happened, what comes next, or what to do."""
    if request.method == "HEAD":  # a link preview must not use the approval up
        return Response()
    installation: Installation = request.app.state.installation
    answer = request.query_params
    try:
        connected = await complete_authorization(
            installation.database,
            installation.settings,
            state=answer.get("state", ""),
            code=answer.get("code"),
            error=answer.get("error"),
            error_description=answer.get("error_description"),
        )
    except CoppermindError as error:
        return _failure(request, error)
    return page(
        request,
        "callback.html",
        title="HubSpot is connected",
        tone="good",
        badge="Connected",
        message=f"Portal {connected.hub_id} now feeds the mind “{connected.mind}”, read-only.",
        steps_title="What comes next",
        steps=(
            "Coppermind starts to read contacts, companies and deals; a large portal takes a while.",
            "Reports work early and say how much is still missing. After that, changes are read every 15 minutes.",
            "To see how far it is, return to Coppermind and check: `connectors action=status`",
        ),
        wrong_flow=None,
        detail=None,
        closing="You can close this window. A HubSpot admin can remove the app at any time under Connected Apps.",
    )


def _failure(request: Request, error: CoppermindError) -> Response:
    explanation = _EXPLANATIONS.get(error.code) or (_TEMPORARY if isinstance(error, HealsByItself) else _OTHER)
    return page(
        request,
        "callback.html",
        status=503 if isinstance(error, HealsByItself) else 400,
        title=explanation.title,
        tone=explanation.tone,
        badge=explanation.badge,
        message=error.message,
        steps_title="What to do",
        steps=explanation.steps,
        wrong_flow=SETUP_HELP.wrong_flow if explanation.wrong_flow else None,
        detail=error.code,
        closing="This visit changed nothing in HubSpot, and read nothing from it.",
    )


_ASK_AGAIN = (
    "In Coppermind, switch to the client's mind and ask for a fresh link: "
    "`connectors action=connect source_type=hubspot`"
)
_OPEN_IT = "Open the new link in the browser where you are signed in to that client's HubSpot, and approve."
_AGAIN = (_ASK_AGAIN, _OPEN_IT)
_LOOK_FIRST = "In Coppermind, see whether the connection stands already: `connectors action=status`"

_EXPLANATIONS = {
    "approval_denied": Explanation(
        title="The approval was refused",
        steps=(SETUP_HELP.permissions, *_AGAIN),
        wrong_flow=True,
    ),
    "approval_incomplete": Explanation(title="HubSpot sent no approval along", steps=_AGAIN, wrong_flow=True),
    "scope_missing": Explanation(title="HubSpot granted too little", steps=(SETUP_HELP.permissions, *_AGAIN)),
    "link_unknown": Explanation(
        title="We don't know this link",
        steps=("Check that the whole address was copied, to its very end.", *_AGAIN),
        wrong_flow=True,
    ),
    "link_used": Explanation(
        title="This link was used already", steps=(_LOOK_FIRST, *_AGAIN), tone="warn", badge="Nothing changed"
    ),
    "link_expired": Explanation(title="This link has expired", steps=(SETUP_HELP.permissions, *_AGAIN), tone="warn"),
    "link_withdrawn": Explanation(
        title="This link is no longer valid", steps=(_LOOK_FIRST, *_AGAIN), tone="warn", badge="Nothing changed"
    ),
    "settings": Explanation(
        title="This installation is not set up for HubSpot yet",
        steps=("Tell whoever runs this installation; the message above says what is missing.",),
    ),
}
_TEMPORARY = Explanation(
    title="HubSpot did not answer just now",
    steps=("Wait a few minutes.", *_AGAIN),
    tone="warn",
    badge="Not connected yet",
)
_OTHER = Explanation(title="HubSpot could not be connected", steps=_AGAIN, wrong_flow=True)
