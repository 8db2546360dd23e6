"""The paths of HubSpot's API that the product calls, under one version.

HubSpot names versions by date and keeps each for 18 months (2026-09 until March 2028). A dated path has the same
shapes in every version so far; nothing here uses the older v1 to v4 paths.
"""

from coppermind_pipeline.object_types import ObjectType

API_VERSION = "2026-09"

ACCOUNT = f"/account-info/{API_VERSION}/details"
OWNERS = f"/crm/owners/{API_VERSION}"
TOKEN = f"/oauth/{API_VERSION}/token"
TOKEN_INTROSPECT = f"/oauth/{API_VERSION}/token/introspect"
TOKEN_REVOKE = f"/oauth/{API_VERSION}/token/revoke"
UNINSTALL = f"/appinstalls/{API_VERSION}/external-install"


def objects(object_type: ObjectType) -> str:
    """Return the path that lists records of one type."""
    return f"/crm/objects/{API_VERSION}/{object_type}"


def search(object_type: ObjectType) -> str:
    """Return the path that searches records of one type."""
    return f"{objects(object_type)}/search"


def batch_read(object_type: ObjectType) -> str:
    """Return the path that reads records of one type by id."""
    return f"{objects(object_type)}/batch/read"


def properties(object_type: ObjectType) -> str:
    """Return the path of one type's property definitions."""
    return f"/crm/properties/{API_VERSION}/{object_type}"


def pipelines(object_type: ObjectType) -> str:
    """Return the path of one type's pipelines."""
    return f"/crm/pipelines/{API_VERSION}/{object_type}"


def associations(from_type: ObjectType, to_type: ObjectType) -> str:
    """Return the path that reads the associations of many records."""
    return f"/crm/associations/{API_VERSION}/{from_type}/{to_type}/batch/read"
