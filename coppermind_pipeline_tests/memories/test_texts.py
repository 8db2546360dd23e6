import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from coppermind_pipeline.crm import Labels, Owner, PropertyDefinition, Stage
from coppermind_pipeline.memories.label_gaps import LabelGap
from coppermind_pipeline.memories.memory_types import MemoryType, Sensitivity
from coppermind_pipeline.memories.texts.phrases import Wording
from coppermind_pipeline.memories.texts.record_texts import MemoryText, NoMemory, memory_of
from coppermind_pipeline.memories.texts.shown_labels import shown_labels
from coppermind_pipeline.memories.texts.subjects import Company, Contact, Deal, Named, Origin, Place, Standing
from coppermind_pipeline.object_types import ObjectType

READ_AT = datetime(2026, 11, 18, 12, tzinfo=UTC)
CREATED_AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
CLOSED_AT = datetime(2026, 4, 1, 2, 30, tzinfo=UTC)  # still 31 March in New York


def _options(**labels: str) -> PropertyDefinition:
    return PropertyDefinition(name="", type="enumeration", options=labels)


LABELS = Labels(
    definitions={
        ObjectType.CONTACTS: {
            "hs_analytics_source": _options(PAID_SEARCH="Paid Search", OFFLINE="Offline Sources"),
            "lifecyclestage": _options(customer="Customer", **{"1076012345": "Champion"}),
            "hs_lead_status": _options(IN_PROGRESS="In Progress"),
        },
        ObjectType.COMPANIES: {
            "industry": _options(COMPUTER_SOFTWARE="Computer Software"),
            "lifecyclestage": _options(customer="Customer"),
        },
        ObjectType.DEALS: {
            "dealtype": _options(newbusiness="New Business"),
            "loss_code": _options(PRC_01="Price too high", FTR_02="Missing a feature"),
        },
    },
    owners={"11": Owner(owner_id="11", first_name="Dana Reyes")},
    pipelines={"default": "Sales Pipeline"},
    stages={
        ("default", stage_id): Stage(
            pipeline_id="default",
            stage_id=stage_id,
            label=label,
            is_closed=closed,
            probability=Decimal(probability),
            display_order=0,
        )
        for stage_id, label, closed, probability in (
            ("contractsent", "Contract Sent", False, "0.9"),
            ("closedwon", "Closed Won", True, "1"),
            ("closedlost", "Closed Lost", True, "0"),
        )
    },
)
WORDING = Wording(
    labels=LABELS,
    today=date(2026, 11, 18),
    zone=ZoneInfo("America/New_York"),
    company_currency="USD",
    loss_reason_property="closed_lost_reason",
)
BERLIN = Place(city="Berlin", country_code="DE", country_text="Deutschland")
ACME = Named(name="Acme Inc.", place=Place(city="Austin", region="Texas", country_code="US"))
JANE = Named(name="Jane Doe", job_title="Head of Marketing", place=BERLIN, labels=("Decision maker",))

CONTACT = Contact(
    hubspot_id="501",
    read_at=READ_AT,
    created_at=CREATED_AT,
    name="Jane Doe",
    owner_id="11",
    origin=Origin(source="PAID_SEARCH", detail_1="Spring", detail_2="crm software"),
    place=BERLIN,
    lifecycle_stage="customer",
    lead_status="IN_PROGRESS",
    email="jane@acme.com",
    job_title="Head of Marketing",
    company_name="Acme Inc.",
)
COMPANY = Company(
    hubspot_id="601",
    read_at=READ_AT,
    created_at=CREATED_AT,
    name="Acme Inc.",
    owner_id="11",
    origin=Origin(source="OFFLINE", detail_1="CRM_UI", detail_2="userId:12345"),
    place=Place(city="Austin", region="Texas", country_code="US"),
    lifecycle_stage="customer",
    domain="acme.com",
    industry="COMPUTER_SOFTWARE",
    employees="1250",
    annual_revenue="5000000.0",
)
WON = Deal(
    hubspot_id="701",
    read_at=READ_AT,
    created_at=CREATED_AT,
    name="Website relaunch",
    owner_id="11",
    origin=Origin(source="PAID_SEARCH"),
    source_step="contact",
    amount=Decimal("10000.50"),
    currency="EUR",
    amount_home=Decimal(11000),
    pipeline_id="default",
    stage_id="closedwon",
    outcome="won",
    probability=Decimal(1),
    stage_probability=Decimal(1),
    close_at=CLOSED_AT,
    deal_type="newbusiness",
    won_reason="They liked the demo",
    company=ACME,
    other_companies=(Named(name="Globex", place=Place(city="London", country_code="GB")),),
    contacts=(JANE, Named(name="John Roe")),
    companies_count=2,
    contacts_count=14,
)
LOST = Deal(
    hubspot_id="702",
    read_at=READ_AT,
    name="Retainer",
    pipeline_id="default",
    stage_id="closedlost",
    outcome="lost",
    close_at=CLOSED_AT,
    loss_reason="Price was too high,\n said procurement",
    company=ACME,
    companies_count=1,
)
LATE = Deal(
    hubspot_id="703",
    read_at=READ_AT,
    name="Expansion",
    amount=Decimal(125000),
    currency="USD",
    amount_home=Decimal(125000),
    origin=Origin(source="PAID_SEARCH", detail_1="Spring"),
    source_step="deal",
    pipeline_id="default",
    stage_id="contractsent",
    outcome="open",
    late_stage=True,
    probability=Decimal("0.6"),
    stage_probability=Decimal("0.9"),
    close_at=datetime(2026, 12, 24, 12, tzinfo=UTC),
    entered_stage_at=CREATED_AT,
    contacts=(JANE,),
    contacts_count=1,
)

SUBJECTS = {
    "contact": CONTACT,
    "contact of whom little is known": Contact(hubspot_id="502", read_at=READ_AT),
    "contact with an address alone": Contact(
        hubspot_id="503",
        read_at=READ_AT,
        name="info@acme.com",
        email="info@acme.com",
        place=Place(country_text="Utopia"),
    ),
    "contact whose labels are gone": Contact(
        hubspot_id="504",
        read_at=READ_AT,
        name="Ann",
        company_name="Acme",
        owner_id="99",
        origin=Origin(source="NEW_SOURCE"),
        lifecycle_stage="987654321",
        lead_status="GONE",
    ),
    "company": COMPANY,
    "company of which little is known": Company(hubspot_id="602", read_at=READ_AT, employees="about 20"),
    "won": WON,
    "won, with nothing else recorded": Deal(hubspot_id="704", read_at=READ_AT, outcome="won"),
    "lost with an objection": LOST,
    "lost over a gap": Deal(
        hubspot_id="705", read_at=READ_AT, name="Pilot", outcome="lost", loss_reason="The product lacks SSO"
    ),
    "open in a late stage": LATE,
    "open, and overdue": replace(LATE, close_at=datetime(2026, 7, 31, tzinfo=UTC)),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_texts_read_as_a_person_would_write_them(name: str, snapshot: SnapshotAssertion):
    assert memory_of(SUBJECTS[name], WORDING) == snapshot


def test_a_loss_reason_kept_as_an_option_is_told_by_its_label():
    wording = Wording(labels=LABELS, today=date(2026, 11, 18), loss_reason_property="loss_code")
    memory = memory_of(Deal(hubspot_id="1", read_at=READ_AT, outcome="lost", loss_reason="FTR_02"), wording)
    assert isinstance(memory, MemoryText)
    assert memory.type is MemoryType.PAIN_POINT
    assert 'The reason given: "Missing a feature".' in memory.content
    gone = memory_of(Deal(hubspot_id="1", read_at=READ_AT, outcome="lost", loss_reason="OLD_09"), wording)
    assert isinstance(gone, MemoryText)
    assert gone.type is MemoryType.OBJECTION
    assert "A reason was given that HubSpot has no label for." in gone.content


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (Deal(hubspot_id="1", read_at=READ_AT, outcome="open"), "open, not in a late stage"),
        (Deal(hubspot_id="1", read_at=READ_AT, outcome="lost"), "lost without a reason"),
        (Contact(hubspot_id="1", read_at=READ_AT, standing=Standing(referenced_only=True)),
         "outside the synced window"),
        (Contact(hubspot_id="1", read_at=READ_AT, standing=Standing(filtered_reason="e-mail domain x.com is excluded")),
         "filtered: e-mail domain x.com is excluded"),
        (Company(hubspot_id="1", read_at=READ_AT, standing=Standing(archived_reason="merged")),
         "merged into another record in HubSpot"),
    ],
)  # fmt: skip
def test_a_record_without_a_signal_says_why_it_makes_no_memory(subject: Contact | Company | Deal, reason: str):
    assert memory_of(subject, WORDING) == NoMemory(reason)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Price too high", "objection"),
        ("Went with a competitor", "objection"),
        ("No need at the moment", "objection"),
        ("They don't need it any more", "objection"),
        ("needs more time for a decision", "objection"),
        ("Missing integration with SAP", "pain_point"),
        ("Product doesn\N{RIGHT SINGLE QUOTATION MARK}t support multi-currency", "pain_point"),
        ("lack of reporting features", "pain_point"),
        ("They needed on-premise hosting", "pain_point"),
        ("Funktion fehlt", "pain_point"),
        ("Fonctionnalité manquante", "pain_point"),
        ("Bad chemistry", "objection"),
    ],
)
def test_a_reason_is_a_pain_point_where_it_names_a_need_or_a_gap(reason: str, expected: str):
    memory = memory_of(Deal(hubspot_id="1", read_at=READ_AT, outcome="lost", loss_reason=reason), WORDING)
    assert isinstance(memory, MemoryText)
    assert memory.type == expected


_free_text = st.text(st.characters(whitelist_categories=["Ll"]), max_size=20) | st.none()
# Values as HubSpot has them inside; no free text above can hold one.
_internal = st.from_regex(r"INTERNAL_[0-9]{4}", fullmatch=True) | st.from_regex(r"[1-9][0-9]{9}", fullmatch=True)
_value = _internal | st.none()
_places = st.builds(Place, city=_free_text, region=_free_text, country_text=_free_text)
_origins = st.builds(Origin, source=_value, detail_1=_value, detail_2=_value)
_named = st.builds(Named, name=_free_text, job_title=_free_text, place=_places)


@pytest.mark.slow
@given(
    subject=st.one_of(
        st.builds(Contact, hubspot_id=_internal, read_at=st.just(READ_AT), name=_free_text, owner_id=_value,
                  origin=_origins, place=_places, lifecycle_stage=_value, lead_status=_value, email=_free_text,
                  job_title=_free_text, company_name=_free_text, created_at=st.just(CREATED_AT)),
        st.builds(Company, hubspot_id=_internal, read_at=st.just(READ_AT), name=_free_text, owner_id=_value,
                  origin=_origins, place=_places, lifecycle_stage=_value, lead_status=_value, industry=_value),
        st.builds(Deal, hubspot_id=_internal, read_at=st.just(READ_AT), name=_free_text, owner_id=_value,
                  origin=_origins, pipeline_id=_value, stage_id=_value,
                  outcome=st.sampled_from(["won", "lost", "open"]), late_stage=st.booleans(), loss_reason=_value,
                  won_reason=_free_text, deal_type=_value,
                  company=_named | st.none(), contacts=st.lists(_named, max_size=3).map(tuple),
                  source_step=st.sampled_from(["deal", "contact", "company", None])),
    ),
    labelled=st.booleans(),
)  # fmt: skip
@example(subject=Deal(hubspot_id="1", read_at=READ_AT, outcome="won", pipeline_id="7000000000"), labelled=True)
@example(subject=Deal(hubspot_id="1", read_at=READ_AT, late_stage=True, pipeline_id="7000000000"), labelled=True)
def test_no_internal_id_or_value_ever_appears(subject: Contact | Company | Deal, labelled: bool):
    values = {
        value
        for name in ("lifecycle_stage", "lead_status", "industry", "deal_type", "loss_reason")
        if (value := getattr(subject, name, None)) is not None
    } | {subject.origin.source or "x"}
    labels = {value: f"label {number}" for number, value in enumerate(sorted(values))} if labelled else {}
    names = ("lifecyclestage", "hs_lead_status", "industry", "dealtype", "hs_analytics_source", "loss_code")
    definition = PropertyDefinition(name="", type="enumeration", options=labels)
    wording = Wording(
        today=date(2026, 11, 18),
        labels=Labels(definitions={object_type: dict.fromkeys(names, definition) for object_type in ObjectType}),
        loss_reason_property="loss_code",
    )
    memory = memory_of(subject, wording)
    if isinstance(memory, MemoryText):
        assert not re.search(r"INTERNAL|[0-9]{6}|None", memory.content)
        assert "  " not in memory.content
        missing = set(LabelGap.of(shown_labels(subject, wording)).missing) - {"loss reason", "reason for winning"}
        assert bool(missing) is ("no longer in HubSpot" in memory.content)
        assert memory.sensitivity is (Sensitivity.SENSITIVE if isinstance(subject, Deal) else Sensitivity.OPEN)
