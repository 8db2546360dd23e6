"""API versions in paths: HubSpot answers dated, v3 and v4 paths alike, with the version in either of two places."""

from starlette.types import ASGIApp, Receive, Scope, Send

VERSIONS = frozenset({"2026-09", "2026-03", "v1", "v3", "v4"})


def without_version(path: str) -> str:
    """Cut the version out of a path: `/crm/v3/objects/deals` and `/crm/objects/2026-09/deals` become one."""
    segments = path.split("/")
    for at in (2, 3):
        if len(segments) > at and segments[at] in VERSIONS:
            del segments[at]
            return "/".join(segments).rstrip("/")
    return path


class VersionedPaths:
    """ASGI middleware: routes by the path without its version, and keeps the path as requested."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its path without a version."""
        if scope["type"] == "http":
            scope["requested_path"] = scope["path"]
            scope["path"] = without_version(scope["path"])
        await self.app(scope, receive, send)
