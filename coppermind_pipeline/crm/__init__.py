"""What HubSpot records mean: outcome, source, labels, filters, days and countries.

Pure functions of values: no database, no HTTP, no Dagster, no clock. Their decisions are stored as typed columns when
records are normalized (`interpret`, `attribute`), so that everything downstream only reads them.
"""

from coppermind_pipeline.crm.attribution import PRIMARY_COMPANY_TYPE_ID, Attribution, Link, SourceStep, attribute
from coppermind_pipeline.crm.countries import (
    UNKNOWN_COUNTRY,
    UNRECOGNIZED,
    country_code,
    country_label,
    country_name,
    is_ambiguous_country,
)
from coppermind_pipeline.crm.days import close_day, day_of, start_of, time_zone
from coppermind_pipeline.crm.loss_reasons import (
    OWN_LOSS_THEMES_MAX,
    LossTheme,
    known_loss_theme,
    loss_table_digest,
    loss_theme,
    loss_themes,
    recorded_loss_theme,
)
from coppermind_pipeline.crm.mail import PUBLIC_MAIL_DOMAINS, canonical_domain
from coppermind_pipeline.crm.placeholders import says_no_reason, says_nothing
from coppermind_pipeline.crm.portal.definitions import PropertyDefinition
from coppermind_pipeline.crm.portal.filter_config import FILTER_KEYS, FilterConfigError, check_filter_setting
from coppermind_pipeline.crm.portal.filters import Definitions, FilterProblem, Filters, PropertyFilter, compile_filters
from coppermind_pipeline.crm.portal.labels import Label, Labels, Owner
from coppermind_pipeline.crm.portal.lifecycle import (
    FUNNEL_STAGES,
    POSTPONED_STATUS,
    STUCK_AFTER,
    STUCK_STAGES,
    lead_stages_of,
    lifecycle_stages,
    required_dates_of_entry,
)
from coppermind_pipeline.crm.portal.meaning import LATE_STAGE_PROBABILITY, LOSS_REASON_PROPERTY, Meaning
from coppermind_pipeline.crm.portal.stages import (
    DATE_ENTERED_PREFIX,
    Outcome,
    Stage,
    late_stages,
    read_stage_metadata,
    won_stage_properties,
)
from coppermind_pipeline.crm.records import MERGE_PROPERTIES, VALUE_FIELDS, NormalizedRecord, interpret
from coppermind_pipeline.crm.regions import region_name
from coppermind_pipeline.crm.sources import OFFLINE, same_detail, source_detail
from coppermind_pipeline.crm.values import (
    PROSE_CHARS_MAX,
    decode_properties,
    id_order,
    read_datetime,
    read_decimal,
    read_label,
    read_shown_text,
    read_text,
    storable_text,
)

__all__ = [
    "DATE_ENTERED_PREFIX",
    "FILTER_KEYS",
    "FUNNEL_STAGES",
    "LATE_STAGE_PROBABILITY",
    "LOSS_REASON_PROPERTY",
    "MERGE_PROPERTIES",
    "OFFLINE",
    "OWN_LOSS_THEMES_MAX",
    "POSTPONED_STATUS",
    "PRIMARY_COMPANY_TYPE_ID",
    "PROSE_CHARS_MAX",
    "PUBLIC_MAIL_DOMAINS",
    "STUCK_AFTER",
    "STUCK_STAGES",
    "UNKNOWN_COUNTRY",
    "UNRECOGNIZED",
    "VALUE_FIELDS",
    "Attribution",
    "Definitions",
    "FilterConfigError",
    "FilterProblem",
    "Filters",
    "Label",
    "Labels",
    "Link",
    "LossTheme",
    "Meaning",
    "NormalizedRecord",
    "Outcome",
    "Owner",
    "PropertyDefinition",
    "PropertyFilter",
    "SourceStep",
    "Stage",
    "attribute",
    "canonical_domain",
    "check_filter_setting",
    "close_day",
    "compile_filters",
    "country_code",
    "country_label",
    "country_name",
    "day_of",
    "decode_properties",
    "id_order",
    "interpret",
    "is_ambiguous_country",
    "known_loss_theme",
    "late_stages",
    "lead_stages_of",
    "lifecycle_stages",
    "loss_table_digest",
    "loss_theme",
    "loss_themes",
    "read_datetime",
    "read_decimal",
    "read_label",
    "read_shown_text",
    "read_stage_metadata",
    "read_text",
    "recorded_loss_theme",
    "region_name",
    "required_dates_of_entry",
    "same_detail",
    "says_no_reason",
    "says_nothing",
    "source_detail",
    "start_of",
    "storable_text",
    "time_zone",
    "won_stage_properties",
]
