"""Which scopes open which call.

Source: the security lists in HubSpot's published OpenAPI files; any one of the listed scopes is enough.
"""

from coppermind_pipeline.sandbox.api.endpoint import Call
from coppermind_pipeline.sandbox.portal.object_kinds import OBJECT_KINDS

_OBJECT_READS = tuple(kind.read_scope for kind in OBJECT_KINDS)
_SCHEMA_READS = tuple(f"crm.schemas.{kind.name}.read" for kind in OBJECT_KINDS)


def object_read(call: Call) -> tuple[tuple[str, ...], ...]:
    """Records of one kind: that kind's read scope."""
    return ((call.kind().read_scope,),)


def object_write(call: Call) -> tuple[tuple[str, ...], ...]:
    """Changes to records of one kind; a read-only app never gets here."""
    return ((f"crm.objects.{call.kind().name}.write",),)


def any_crm_read(call: Call) -> tuple[tuple[str, ...], ...]:  # noqa: ARG001  (each rule takes the call)
    """Property definitions and pipelines: any CRM read scope."""
    return ((*_OBJECT_READS, *_SCHEMA_READS, "crm.objects.owners.read"),)


def owners_read(call: Call) -> tuple[tuple[str, ...], ...]:  # noqa: ARG001
    """Owners: their own scope."""
    return (("crm.objects.owners.read",),)


def association_read(call: Call) -> tuple[tuple[str, ...], ...]:
    """Links: the read scope of either end, or of both where the portal is switched so."""
    ends = (call.kind("from_type").read_scope, call.kind("to_type").read_scope)
    return ((ends[0],), (ends[1],)) if call.portal.switches.association_scopes_both else (_OBJECT_READS,)


def oauth_only(call: Call) -> tuple[tuple[str, ...], ...]:  # noqa: ARG001
    """Account details and uninstalling: what each app has."""
    return (("oauth",),)


def custom_objects_read(call: Call) -> tuple[tuple[str, ...], ...]:  # noqa: ARG001
    """Object schemas: a scope that this app can't have."""
    return (("custom-object-read",),)
