"""Reads of what a portal defines (properties, pipelines, owners, its account), on each sync."""

import asyncio

from coppermind_pipeline.catalog import (
    ReferenceAnswer,
    ReferenceRead,
    definitions_answer,
    owners_answer,
    pipelines_answer,
    store_answer,
)
from coppermind_pipeline.connectors import note_account
from coppermind_pipeline.hubspot import HubSpotClient, PortalUnavailable, RequestRefused, RetryLimits, ScopeMissing
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.context import SyncContext

# Nothing stands still without the account's details: the next sync asks again.
_ACCOUNT_RETRY_LIMITS = RetryLimits(attempts=3, time_s=30.0)


async def ask_definitions(client: HubSpotClient, object_type: ObjectType) -> ReferenceAnswer:
    """Return what HubSpot says about a type's properties."""
    return definitions_answer(object_type, await client.properties(object_type))


async def ask_pipelines(client: HubSpotClient) -> ReferenceAnswer:
    """Return what HubSpot says about the deal pipelines and their stages."""
    return pipelines_answer(await client.pipelines())


async def ask_owners(client: HubSpotClient) -> ReferenceAnswer:
    """Return what HubSpot says about owners, archived ones too."""
    return owners_answer(await client.owners())


async def read_definitions(context: SyncContext, object_type: ObjectType) -> ReferenceRead:
    """Read and store the property definitions of one type; those that disappeared are kept, marked as missing."""
    return await context.write(store_answer, context.connector.id, await ask_definitions(context.client, object_type))


async def read_all_definitions(context: SyncContext) -> dict[ObjectType, ReferenceRead]:
    """Read and store the property definitions of all types, and the portal's account after them."""
    reads = await asyncio.gather(*(read_definitions(context, object_type) for object_type in ObjectType))
    await read_account(context)
    return dict(zip(ObjectType, reads, strict=True))


async def read_pipelines(context: SyncContext) -> ReferenceRead:
    """Read and store the deal pipelines and their stages."""
    return await context.write(store_answer, context.connector.id, await ask_pipelines(context.client))


async def read_owners(context: SyncContext) -> ReferenceRead:
    """Read and store the owners, archived ones too."""
    return await context.write(store_answer, context.connector.id, await ask_owners(context.client))


async def read_account(context: SyncContext) -> None:
    """Read and store the portal's account details: time zone, company currency, host of its pages.

    Where HubSpot refuses them, or answers what can't be read, that is noted and the sync goes on. Ask after something
    that is needed: a portal that answers nothing at all is no fault of the account's.
    """
    hub_id = context.connector.hub_id
    assert hub_id is not None  # noqa: S101 - an active connector has a portal, by the table's check
    try:
        account = await context.client.account(retry_limits=_ACCOUNT_RETRY_LIMITS)
    except (RequestRefused, ScopeMissing, PortalUnavailable) as error:
        account = error
    await context.write(note_account, context.connector, hub_id, account)
