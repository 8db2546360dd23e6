"""From a record's properties to typed columns: each decision about one record is made here, once."""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec

from coppermind_pipeline.crm.countries import country_code
from coppermind_pipeline.crm.days import start_of
from coppermind_pipeline.crm.mail import canonical_domain, canonical_email
from coppermind_pipeline.crm.placeholders import (
    is_subdivision_code,
    means_namibia,
    person_name,
    says_no_reason,
    says_nothing,
)
from coppermind_pipeline.crm.portal.labels import Labels
from coppermind_pipeline.crm.portal.meaning import Meaning
from coppermind_pipeline.crm.portal.stages import Outcome, contradicts, recorded_outcome
from coppermind_pipeline.crm.regions import region_name
from coppermind_pipeline.crm.values import (
    LINE_CHARS_MAX,
    PROSE_CHARS_MAX,
    is_blank,
    read_boolean,
    read_date,
    read_datetime,
    read_decimal,
    read_probability,
    read_shown_text,
    read_text,
    storable_text,
)
from coppermind_pipeline.object_types import ObjectType

Properties = Mapping[str, str | None]
T = TypeVar("T")

# Who was merged into a record; of contacts both say so, and neither all of it.
MERGE_PROPERTIES = ("hs_merged_object_ids", "hs_calculated_merged_vids")


class NormalizedRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record as the reporting store holds it; None where a field does not apply, is empty, or can't be read.

    Attributes:
        created_at, modified_at: aware, UTC, like all moments here.
        close_at, closed_won_at: likewise; midnight stands for a bare day (`close_day`).
        source: internal value of the record's own original source; so are the other enumerations.
        country_code: ISO 3166 alpha-2; `country_text` is what was typed.
        amount, amount_home: in `currency` and in the company currency, exact to 6 places.
        outcome: decided by the stage within its pipeline; `outcome_disagrees` with the deal's own properties.
        late_stage: an open deal in a late stage; None where its stage no longer exists.
        probability: the deal's own, else its stage's; 4 places.
        entered_closed_won_at: the latest entry into a won stage of the deal's pipeline.
        stages_entered, stages_entered_at: lifecycle stages whose date of entry a contact has, and these dates.
        merged_ids: ids of records that were merged into this one.
        filtered_reason: which filter keeps the record out of memories and reports.
        malformed: properties whose value could not be taken as it came: too long or unreadable (the field is None),
            or text that PostgreSQL can't hold (repaired).
    """

    created_at: datetime | None = None
    modified_at: datetime | None = None
    name: str | None = None
    owner_id: str | None = None
    source: str | None = None
    source_detail_1: str | None = None
    source_detail_2: str | None = None
    lifecycle_stage: str | None = None
    lead_status: str | None = None
    stages_entered: list[str] = []
    stages_entered_at: list[datetime] = []
    country_code: str | None = None
    country_text: str | None = None
    region: str | None = None
    city: str | None = None
    email: str | None = None
    email_domain: str | None = None
    job_title: str | None = None
    company_name: str | None = None
    domain: str | None = None
    industry: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    amount_home: Decimal | None = None
    pipeline_id: str | None = None
    stage_id: str | None = None
    outcome: Outcome | None = None
    outcome_disagrees: bool | None = None
    late_stage: bool | None = None
    probability: Decimal | None = None
    stage_probability: Decimal | None = None
    close_at: datetime | None = None
    closed_won_at: datetime | None = None
    entered_closed_won_at: datetime | None = None
    entered_stage_at: datetime | None = None
    loss_reason: str | None = None
    won_reason: str | None = None
    deal_type: str | None = None
    merged_ids: tuple[str, ...] = ()
    filtered_reason: str | None = None
    malformed: tuple[str, ...] = ()


# Fields about the record itself: `merged_ids` speak of other ones, `malformed` of what was not taken as it came.
VALUE_FIELDS = tuple(name for name in NormalizedRecord.__struct_fields__ if name not in {"merged_ids", "malformed"})


def interpret(object_type: ObjectType, hubspot_id: str, properties: Properties, meaning: Meaning) -> NormalizedRecord:
    """Return what a record says, by the one set of rules that memories, synthesis and reports share; never raises.

    Args:
        object_type: decides which fields apply.
        hubspot_id: the record's own id; never among its `merged_ids`.
        properties: HubSpot's values as received; a missing name and None are the same.
        meaning: what the portal says; made once for many records.
    """
    fields = _Fields(properties, date_properties=meaning.date_properties[object_type], time_zone=meaning.time_zone)
    return _INTERPRETERS[object_type](hubspot_id, fields, meaning)


def _contact(hubspot_id: str, fields: "_Fields", meaning: Meaning) -> NormalizedRecord:
    address, email_domain = fields.value("email", canonical_email) or (None, None)
    place = _place(fields, code_property="hs_country_region_code")
    entered = _entered(fields, meaning.lifecycle_dates)
    return NormalizedRecord(
        created_at=fields.moment("createdate"),
        modified_at=fields.moment("lastmodifieddate") or fields.moment("hs_lastmodifieddate"),
        name=person_name(fields.shown("firstname"), fields.shown("lastname")) or address,
        owner_id=fields.text("hubspot_owner_id"),
        source=fields.text("hs_analytics_source"),
        source_detail_1=fields.meant("hs_analytics_source_data_1"),
        source_detail_2=fields.meant("hs_analytics_source_data_2"),
        lifecycle_stage=fields.text("lifecyclestage"),
        lead_status=fields.text("hs_lead_status"),
        stages_entered=list(entered),
        stages_entered_at=list(entered.values()),
        country_code=place.country_code,
        country_text=place.country_text,
        region=place.region,
        city=place.city,
        email=address,
        email_domain=email_domain,
        job_title=fields.said("jobtitle"),
        company_name=fields.said("company"),
        industry=fields.said("industry"),
        merged_ids=_merged_ids(hubspot_id, fields),
        filtered_reason=meaning.filters.reason(ObjectType.CONTACTS, fields.properties),
        malformed=fields.malformed(),
    )


def _company(hubspot_id: str, fields: "_Fields", meaning: Meaning) -> NormalizedRecord:
    domain = fields.value("domain", canonical_domain)
    place = _place(fields, code_property="hs_country_code")
    return NormalizedRecord(
        created_at=fields.moment("createdate"),
        modified_at=fields.moment("hs_lastmodifieddate"),
        name=fields.said("name") or domain,
        owner_id=fields.text("hubspot_owner_id"),
        source=fields.text("hs_analytics_source"),
        source_detail_1=fields.meant("hs_analytics_source_data_1"),
        source_detail_2=fields.meant("hs_analytics_source_data_2"),
        lifecycle_stage=fields.text("lifecyclestage"),
        lead_status=fields.text("hs_lead_status"),
        country_code=place.country_code,
        country_text=place.country_text,
        region=place.region,
        city=place.city,
        domain=domain,
        industry=fields.text("industry"),
        merged_ids=_merged_ids(hubspot_id, fields),
        filtered_reason=meaning.filters.reason(ObjectType.COMPANIES, fields.properties),
        malformed=fields.malformed(),
    )


def _deal(hubspot_id: str, fields: "_Fields", meaning: Meaning) -> NormalizedRecord:
    stage_id = fields.text("dealstage")
    pipeline_id = fields.text("pipeline")
    if pipeline_id is None and stage_id is not None:
        pipeline_id = meaning.pipeline_of_stage.get(stage_id)
    rule = meaning.stage_rules.get((pipeline_id or "", stage_id or ""))
    is_closed_won = fields.value("hs_is_closed_won", read_boolean)
    is_closed = fields.value("hs_is_closed", read_boolean)
    if rule is not None and rule.exists:
        outcome = rule.outcome
        outcome_disagrees = contradicts(outcome, is_closed_won=is_closed_won, is_closed=is_closed)
        late_stage = rule.late
    else:
        outcome = recorded_outcome(is_closed_won=is_closed_won, is_closed=is_closed)
        outcome_disagrees = None
        late_stage = None if outcome == "open" else False
    stage_probability = rule.probability if rule is not None else None
    own_probability = fields.value("hs_deal_stage_probability", read_probability)
    return NormalizedRecord(
        created_at=fields.moment("createdate"),
        modified_at=fields.moment("hs_lastmodifieddate"),
        name=_deal_name(fields),
        owner_id=fields.text("hubspot_owner_id"),
        source=fields.text("hs_analytics_source"),
        source_detail_1=fields.meant("hs_analytics_source_data_1"),
        source_detail_2=fields.meant("hs_analytics_source_data_2"),
        amount=fields.value("amount", read_decimal),
        currency=_currency(fields, meaning.company_currency),
        amount_home=fields.value("amount_in_home_currency", read_decimal),
        pipeline_id=pipeline_id,
        stage_id=stage_id,
        outcome=outcome,
        outcome_disagrees=outcome_disagrees,
        late_stage=late_stage,
        probability=own_probability if own_probability is not None else stage_probability,
        stage_probability=stage_probability,
        close_at=fields.value("closedate", read_datetime),
        closed_won_at=fields.value("hs_closed_won_date", read_datetime),
        entered_closed_won_at=_latest(fields, meaning.entered_won_properties.get(pipeline_id or "", ())),
        entered_stage_at=fields.moment("hs_v2_date_entered_current_stage"),
        loss_reason=_reason(fields, meaning.loss_reason_property, meaning),
        won_reason=_reason(fields, "closed_won_reason", meaning),
        deal_type=fields.text("dealtype"),
        merged_ids=_merged_ids(hubspot_id, fields),
        filtered_reason=meaning.filters.reason(ObjectType.DEALS, fields.properties),
        malformed=fields.malformed(),
    )


_INTERPRETERS: Mapping[ObjectType, Callable[[str, "_Fields", Meaning], NormalizedRecord]] = {
    ObjectType.CONTACTS: _contact,
    ObjectType.COMPANIES: _company,
    ObjectType.DEALS: _deal,
}


class _Place(NamedTuple):
    country_code: str | None
    country_text: str | None
    region: str | None
    city: str | None


def _place(fields: "_Fields", *, code_property: str) -> _Place:
    """Return where a record is; its country by HubSpot's code where that is filled and is one, else by the free text.

    `NA` as the code is Namibia, unless the region lies elsewhere.
    """
    code, text, region = fields.text(code_property), fields.said("country"), fields.shown("state")
    if code is not None and says_nothing(code) and not means_namibia(code, region):
        code = None
    found = (country_code(code) if code else None) or (country_code(text) if text else None)
    if region is not None and says_nothing(region) and not is_subdivision_code(found, region):
        region = None
    return _Place(found, text or (code if found is None else None), region_name(found, region), fields.said("city"))


def _deal_name(fields: "_Fields") -> str | None:
    """Return what a deal is called, as long as that is more than punctuation; a deal "Test" is told as such."""
    name = fields.shown("dealname")
    return name if name is not None and any(character.isalnum() for character in name) else None


def _reason(fields: "_Fields", name: str, meaning: Meaning) -> str | None:
    """Return why a deal ended: a text, or the options whose labels say something."""
    definition = meaning.definitions.get(ObjectType.DEALS, {}).get(name)
    if definition is None or definition.type != "enumeration":
        text = fields.shown(name, chars_max=PROSE_CHARS_MAX)
        return None if text is None or says_no_reason(text) else text
    value = fields.text(name, chars_max=PROSE_CHARS_MAX)
    if value is None:
        return None
    labels = Labels(definitions={ObjectType.DEALS: {name: definition}})
    said = [
        option
        for option in definition.values_of(value)
        if not (label := labels.option(ObjectType.DEALS, name, option)).resolved or not says_no_reason(label.text)
    ]
    return ";".join(said) or None


def _currency(fields: "_Fields", company_currency: str | None) -> str | None:
    if fields.is_blank("deal_currency_code"):
        return company_currency
    return fields.value("deal_currency_code", _read_currency)


def _read_currency(value: str) -> str | None:
    code = value.strip().upper()
    return code if len(code) == 3 and code.isascii() and code.isalpha() else None


def _entered(fields: "_Fields", dates: Mapping[str, tuple[str, ...]]) -> dict[str, datetime]:
    """Return when a contact entered each lifecycle stage whose date it has."""
    entered: dict[str, datetime] = {}
    for stage, names in dates.items():
        for name in names:
            # Asked first, as of most stages a contact has no date at all.
            if name in fields.properties and (moment := fields.moment(name)) is not None:
                entered[stage] = moment
                break
    return entered


def _latest(fields: "_Fields", names: tuple[str, ...]) -> datetime | None:
    return max((moment for name in names if (moment := fields.moment(name)) is not None), default=None)


def _merged_ids(hubspot_id: str, fields: "_Fields") -> tuple[str, ...]:
    """Return the ids of merged records: `id;id` and, for contacts, `id:milliseconds;…` too, neither being complete."""
    ids = [merged for name in MERGE_PROPERTIES for merged in fields.value(name, _read_ids) or ()]
    return tuple(merged for merged in dict.fromkeys(ids) if merged != hubspot_id) if ids else ()


def _read_ids(value: str) -> tuple[str, ...] | None:
    ids = [part.partition(":")[0].strip() for part in value.split(";") if not is_blank(part)]
    return tuple(ids) if all(each.isascii() and each.isdecimal() for each in ids) else None


class _Fields:
    """Reads one record's properties and notes those whose value could not be taken as it came."""

    __slots__ = ("_date_properties", "_malformed", "_time_zone", "properties")

    def __init__(self, properties: Properties, *, date_properties: frozenset[str], time_zone: tzinfo) -> None:
        self.properties = properties
        self._date_properties = date_properties
        self._time_zone = time_zone
        self._malformed: list[str] = []

    def value(self, name: str, read: Callable[[str], T | None]) -> T | None:
        raw = self.properties.get(name)
        if not raw:
            return None
        value = read(raw)
        if value is None and not is_blank(raw):
            self._malformed.append(name)
        return value

    def said(self, name: str) -> str | None:
        """Return what a person wrote, unless it says nothing."""
        text = self.shown(name)
        return None if text is None or says_nothing(text) else text

    def shown(self, name: str, *, chars_max: int = LINE_CHARS_MAX) -> str | None:
        """Return what a person wrote, as it is seen."""
        raw = self.properties.get(name)
        return self._noted(name, raw, read_shown_text(raw, chars_max=chars_max)) if raw else None

    def text(self, name: str, *, chars_max: int = LINE_CHARS_MAX) -> str | None:
        """Return an internal value, or another text as it is."""
        raw = self.properties.get(name)
        return self._noted(name, raw, read_text(raw, chars_max=chars_max)) if raw else None

    def meant(self, name: str) -> str | None:
        """Return a text as it is, unless it says nothing."""
        text = self.text(name)
        return None if text is None or says_nothing(text) else text

    def _noted(self, name: str, raw: str, value: str | None) -> str | None:
        if value is None:
            if not is_blank(raw):
                self._malformed.append(name)
        elif value != raw and storable_text(raw) != raw:  # what nobody sees is no loss
            self._malformed.append(name)
        return value

    def moment(self, name: str) -> datetime | None:
        if name not in self._date_properties:
            return self.value(name, read_datetime)
        day = self.value(name, read_date)
        return None if day is None else start_of(day, self._time_zone)

    def is_blank(self, name: str) -> bool:
        raw = self.properties.get(name)
        return raw is None or is_blank(raw)

    def malformed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._malformed)) if self._malformed else ()
