"""The sandbox as an ASGI app: which path does what."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from coppermind_pipeline.sandbox.api import associations, oauth, objects, scopes, settings
from coppermind_pipeline.sandbox.api.authorize import authorize
from coppermind_pipeline.sandbox.api.endpoint import Call, Endpoint, Handler, Operation
from coppermind_pipeline.sandbox.api.versions import VersionedPaths
from coppermind_pipeline.sandbox.clock import Clock
from coppermind_pipeline.sandbox.config import SandboxConfig
from coppermind_pipeline.sandbox.control.endpoints import control_routes
from coppermind_pipeline.sandbox.limits import Budget
from coppermind_pipeline.sandbox.replies import Reply, error
from coppermind_pipeline.sandbox.state.sandbox import Sandbox


def create_app(config: SandboxConfig, *, clock: Clock | None = None) -> Starlette:
    """Build a sandbox with its portals filled; `app.state.sandbox` is its state.

    Args:
        clock: the time that tokens, limits and the search index go by; the machine's where None.

    Raises:
        LoadError: `config.load` names files that can't be read; the message names file and row.
    """
    sandbox = Sandbox(config, clock or Clock())

    @asynccontextmanager
    async def closing(_app: Starlette) -> AsyncIterator[None]:
        yield
        sandbox.close()

    app = Starlette(
        routes=[*_api_routes(sandbox), *_oauth_routes(sandbox), *control_routes(sandbox), _anything_else(sandbox)],
        middleware=[Middleware(VersionedPaths)],
        lifespan=closing,
    )
    app.state.sandbox = sandbox
    return app


def _api_routes(sandbox: Sandbox) -> list[Route]:
    def route(path: str, **operations: Operation) -> Route:
        return Route(path, Endpoint(sandbox, operations))

    write = Operation(objects.refuse_write, scopes=scopes.object_write)
    search = Operation(objects.search_objects, Budget.SEARCH, scopes.object_read)
    links = Operation(associations.batch_read_associations, Budget.ASSOCIATIONS, scopes.association_read)
    labels = Operation(associations.list_labels, Budget.ASSOCIATIONS, scopes.association_read)
    one_links = Operation(associations.list_associations, Budget.ASSOCIATIONS, scopes.association_read)

    def read(handler: Handler) -> Operation:
        return Operation(handler, scopes=scopes.object_read)

    def setting(handler: Handler) -> Operation:
        return Operation(handler, scopes=scopes.any_crm_read)

    owners = Operation(settings.list_owners, scopes=scopes.owners_read)
    owner = Operation(settings.get_owner, scopes=scopes.owners_read)
    return [
        route("/crm/objects/{object_type}/search", POST=search),
        route("/crm/objects/{object_type}/batch/read", POST=read(objects.batch_read)),
        route("/crm/associations/{from_type}/{to_type}/batch/read", POST=links),
        route("/crm/associations/{from_type}/{to_type}/labels", GET=labels),
        route("/crm/objects/{object_type}", GET=read(objects.list_objects), POST=write),
        route("/crm/objects/{object_type}/batch/{change}", POST=write),
        route("/crm/objects/{object_type}/merge", POST=write),
        route("/crm/objects/{object_type}/gdpr-delete", POST=write),
        route("/crm/objects/{from_type}/{object_id}/associations/{to_type}", GET=one_links),
        route("/crm/objects/{object_type}/{object_id}", GET=read(objects.get_object), PATCH=write, DELETE=write),
        route("/crm/properties/{object_type}", GET=setting(settings.list_properties)),
        route("/crm/properties/{object_type}/{property_name}", GET=setting(settings.get_property)),
        route("/crm/pipelines/{object_type}", GET=setting(settings.list_pipelines)),
        route("/crm/pipelines/{object_type}/{pipeline_id}", GET=setting(settings.get_pipeline)),
        route("/crm/owners", GET=owners),
        route("/crm/owners/{owner_id}", GET=owner),
        route("/account-info/details", GET=Operation(settings.account_details, scopes=scopes.oauth_only)),
        route("/crm-object-schemas/schemas", GET=Operation(_unreachable, scopes=scopes.custom_objects_read)),
        route("/crm/schemas", GET=Operation(_unreachable, scopes=scopes.custom_objects_read)),
    ]


def _oauth_routes(sandbox: Sandbox) -> list[Route]:
    def route(path: str, **operations: Operation) -> Route:
        return Route(path, Endpoint(sandbox, operations))

    def open_to_all(handler: Handler) -> Operation:
        return Operation(handler, Budget.NONE)

    describe = open_to_all(oauth.describe_token_v1)
    return [
        Route("/oauth/authorize", authorize, methods=["GET", "POST"]),
        Route("/oauth/{hub_id:int}/authorize", authorize, methods=["GET", "POST"]),
        route("/oauth/token", POST=open_to_all(oauth.token)),
        route("/oauth/token/introspect", POST=open_to_all(oauth.introspect)),
        route("/oauth/token/revoke", POST=open_to_all(oauth.revoke)),
        route("/oauth/access-tokens/{token}", GET=describe),
        route("/oauth/refresh-tokens/{token}", GET=describe, DELETE=open_to_all(oauth.revoke_v1)),
        route("/appinstalls/external-install", DELETE=Operation(oauth.uninstall, scopes=scopes.oauth_only)),
    ]


def _anything_else(sandbox: Sandbox) -> Route:
    not_found = Operation(_not_found, Budget.NONE)
    return Route("/{path:path}", Endpoint(sandbox, dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), not_found)))


def _not_found(call: Call) -> Reply:
    raise error(404, f"Unable to find a handler for {call.path}")


def _unreachable(call: Call) -> Reply:
    """Stand behind a scope that no app of the sandbox can have."""
    raise error(403, f"{call.path} is not open to this app.", category="MISSING_SCOPES")
