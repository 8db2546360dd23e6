"""What a portal says of itself, as it is stored: account, property definitions, pipelines, stages, owners.

This room is handed HubSpot's answers and knows no HTTP. It alone writes `hubspot_portals`, `hubspot_properties`,
`hubspot_pipelines`, `hubspot_stages`, `hubspot_owners` and `hubspot_reference_reads`; other rooms read them by its
functions. Each works in a transaction of the connector's mind, which `current_mind()` (`store/migrations`) names.
"""

from coppermind_pipeline.catalog.definitions import (
    entered_stage_properties,
    load_definitions,
    load_stages,
    property_names,
)
from coppermind_pipeline.catalog.filters import load_filters
from coppermind_pipeline.catalog.interpretation import (
    Interpretation,
    RecordSettings,
    load_interpretation,
    note_applied,
    settings_wait,
)
from coppermind_pipeline.catalog.labels import load_labels
from coppermind_pipeline.catalog.portals import (
    Portal,
    load_portal,
    portal_values,
    profile_is_outdated,
    record_url,
    report_zone,
    store_account,
    store_profile,
    store_unknown_account,
)
from coppermind_pipeline.catalog.reference import (
    ReferenceAnswer,
    ReferenceRead,
    definitions_answer,
    owners_answer,
    pipelines_answer,
    store_answer,
    stored_digests,
)

__all__ = [
    "Interpretation",
    "Portal",
    "RecordSettings",
    "ReferenceAnswer",
    "ReferenceRead",
    "definitions_answer",
    "entered_stage_properties",
    "load_definitions",
    "load_filters",
    "load_interpretation",
    "load_labels",
    "load_portal",
    "load_stages",
    "note_applied",
    "owners_answer",
    "pipelines_answer",
    "portal_values",
    "profile_is_outdated",
    "property_names",
    "record_url",
    "report_zone",
    "settings_wait",
    "store_account",
    "store_answer",
    "store_profile",
    "store_unknown_account",
    "stored_digests",
]
