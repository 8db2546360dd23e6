"""Figures of deals: won, lost and open ones, what they are worth, and how they ended."""

from collections.abc import Iterator, Mapping

from coppermind_pipeline.metrics.metric import DATE_BASES, Clock, Comparison, Face, Metric, Unit

_LIVE = "live deals that no filter leaves out"
_STAGE = ("dealstage", "pipeline")
_AMOUNT = ("amount", "deal_currency_code")
_HOME = ("amount_in_home_currency",)

_WON = "won deals dated in the range"
_LOST = "lost deals dated in the range; by close date where the basis dates won deals alone"
_CLOSED = "won and lost deals dated in the range"
_OPEN = "open deals, whatever the range"


def _sums(
    key: str,
    label: str,
    what: str,
    *,
    population: str,
    clock: Clock,
    date_bases: tuple[str, ...],
    dates: tuple[str, ...],
    deals_doubtful: str,
    deals_in: Mapping[Face, str] | None = None,
    without_amount_in: Mapping[Face, str] | None = None,
) -> Iterator[Metric]:
    """Yield the four figures of a sum of deals: how many, worth what, in company currency, how many without amount."""
    ranged = Comparison.PERCENT if clock is Clock.IN_RANGE else Comparison.NONE
    shared = {"population": population, "clock": clock, "date_bases": date_bases, "comparison": ranged}
    view, properties, report = f"metric_{key}", (*_STAGE, *dates), f"summary.{key}"
    yield Metric(
        id=f"{key}.deals",
        label=f"{label}: deals",
        definition=f"How many deals {what}.",
        unit=Unit.COUNT,
        hubspot_properties=properties,
        doubtful_when=deals_doubtful,
        view=f"{view}_deals",
        shown_in={Face.CRM_REPORT: f"{report}.deals"} | dict(deals_in or {}),
        **shared,
    )
    yield Metric(
        id=f"{key}.amounts",
        label=f"{label}: worth",
        definition=f"What the deals that {what} are worth, per currency of theirs; currencies are never added up.",
        unit=Unit.MONEY,
        hubspot_properties=(*_AMOUNT, *properties),
        doubtful_when="deals have no amount: they are left out, not counted as zero",
        view=f"{view}_amounts",
        shown_in={Face.CRM_REPORT: f"{report}.amounts"},
        **shared,
    )
    yield Metric(
        id=f"{key}.amount_home",
        label=f"{label}: worth in company currency",
        definition=f"What the deals that {what} are worth in the portal's company currency, as HubSpot converts it; "
        "null unless every deal with an amount has one there.",
        unit=Unit.MONEY,
        hubspot_properties=(*_HOME, *properties),
        doubtful_when="HubSpot's exchange rates were changed or are missing",
        view=f"{view}_amount_home",
        shown_in={Face.CRM_REPORT: f"{report}.amount_home"},
        **shared,
    )
    yield Metric(
        id=f"{key}.without_amount",
        label=f"{label}: without an amount",
        definition=f"How many of the deals that {what} have no amount, which is not an amount of zero.",
        unit=Unit.COUNT,
        denominator=f"{key}.deals",
        hubspot_properties=("amount", *properties),
        doubtful_when=deals_doubtful,
        view=f"{view}_without_amount",
        shown_in={Face.CRM_REPORT: f"{report}.without_amount"} | dict(without_amount_in or {}),
        **shared,
    )


_CLOSED_WON = _sums(
    "closed_won",
    "Closed won",
    "are in a stage that is closed with probability 1",
    population=_WON,
    clock=Clock.IN_RANGE,
    date_bases=DATE_BASES,
    dates=("closedate",),
    deals_doubtful="won deals have no date on the basis: they are in no range",
    deals_in={Face.SYNTHESIS: "channel_mix.total.won.deals"},
    without_amount_in={Face.STATUS: "portal_profile.won_deals_without_amount.count"},
)
_CLOSED_LOST = _sums(
    "closed_lost",
    "Closed lost",
    "are in a stage that is closed with a probability below 1",
    population=_LOST,
    clock=Clock.IN_RANGE,
    date_bases=DATE_BASES,
    dates=("closedate",),
    deals_doubtful="lost deals have no close date: they are in no range",
    deals_in={Face.SYNTHESIS: "channel_mix.total.lost", Face.STATUS: "portal_profile.lost_deals_without_reason.of"},
)
_OPEN_DEALS = _sums(
    "open",
    "Open",
    "are in a stage that is not closed",
    population=_OPEN,
    clock=Clock.NOW,
    date_bases=(),
    dates=(),
    deals_doubtful="stage and own properties of deals say different outcomes",
    deals_in={Face.SYNTHESIS: "strategy.signals.open", Face.STATUS: "portal_profile.overdue_open_deals.of"},
)
_OVERDUE = _sums(
    "overdue",
    "Overdue",
    "are open, and their close date lies before today in the report's zone",
    population=_OPEN,
    clock=Clock.NOW,
    date_bases=(),
    dates=("closedate",),
    deals_doubtful="open deals have no close date: they are never overdue",
    deals_in={Face.SYNTHESIS: "strategy.signals.overdue", Face.STATUS: "portal_profile.overdue_open_deals.count"},
)
_CREATED = _sums(
    "pipeline_created",
    "Pipeline created",
    "were created, whatever became of them",
    population="deals created in the range",
    clock=Clock.IN_RANGE,
    date_bases=("createdate",),
    dates=("createdate",),
    deals_doubtful="an import created deals: HubSpot dates them by the import",
)

_RATES = (
    Metric(
        id="win_rate",
        label="Win rate",
        definition="Won deals divided by won and lost ones, to four digits; null where nothing closed.",
        unit=Unit.RATE,
        population=_CLOSED,
        denominator="won and lost deals",
        clock=Clock.IN_RANGE,
        date_bases=DATE_BASES,
        comparison=Comparison.POINTS,
        hubspot_properties=(*_STAGE, "closedate"),
        doubtful_when="few deals closed, or lost deals are left open",
        view="metric_win_rate",
        shown_in={Face.CRM_REPORT: "summary.win_rate"},
    ),
    Metric(
        id="average_deal",
        label="Average won deal",
        definition="What won deals with an amount are worth on average, per currency, to the cent.",
        unit=Unit.MONEY,
        population=_WON,
        denominator="won deals with an amount",
        clock=Clock.IN_RANGE,
        date_bases=DATE_BASES,
        comparison=Comparison.PERCENT,
        hubspot_properties=(*_AMOUNT, *_STAGE, "closedate"),
        doubtful_when="few deals were won, or one is many times the others",
        view="metric_average_deal",
        shown_in={Face.CRM_REPORT: "summary.average_deal"},
    ),
    Metric(
        id="median_days_to_close",
        label="Median days to close",
        definition="Calendar days from a won deal's creation to its close date, the same day being 0; the median of "
        "those that did not close before they were created.",
        unit=Unit.DAYS,
        population=_WON,
        denominator="won deals with both dates, closed on the day of creation or later",
        clock=Clock.IN_RANGE,
        date_bases=DATE_BASES,
        comparison=Comparison.DIFFERENCE,
        hubspot_properties=("createdate", "closedate", *_STAGE),
        doubtful_when="deals are entered when they are won, or were imported",
        view="metric_median_days_to_close",
        shown_in={
            Face.CRM_REPORT: "summary.median_days_to_close",
            Face.SYNTHESIS: "channel_mix.total.median_days_to_close",
        },
    ),
    Metric(
        id="closed_before_created",
        label="Closed before created",
        definition="How many won deals have a close date before the day of their creation; the median leaves them out.",
        unit=Unit.COUNT,
        population=_WON,
        clock=Clock.IN_RANGE,
        date_bases=DATE_BASES,
        comparison=Comparison.PERCENT,
        hubspot_properties=("createdate", "closedate", *_STAGE),
        doubtful_when="deals were imported with their old close dates",
        view="metric_closed_before_created",
        shown_in={
            Face.CRM_REPORT: "summary.closed_before_created",
            Face.SYNTHESIS: "channel_mix.total.closed_before_created",
        },
    ),
    Metric(
        id="weighted_pipeline",
        label="Weighted pipeline",
        definition="Open deals' amounts, each times its own probability, else its stage's; added up per currency, and "
        "rounded to the cent then.",
        unit=Unit.MONEY,
        population=_OPEN,
        clock=Clock.NOW,
        comparison=Comparison.NONE,
        hubspot_properties=(*_AMOUNT, "hs_deal_stage_probability", *_STAGE),
        doubtful_when="open deals with an amount have no probability: they are left out",
        view="metric_weighted_pipeline",
        shown_in={Face.CRM_REPORT: "summary.weighted_pipeline"},
    ),
)

_REASON = ("closed_lost_reason", *_STAGE, "closedate")
_OTHER_PROPERTY = "the portal keeps its reasons in another property: hubspot_loss_reason_property names it"

_LOSSES = (
    Metric(
        id="losses.without_reason",
        label="Lost without a reason",
        definition="How many lost deals give no reason, or one that says nothing: a placeholder, a lone “lost” or "
        "“other”, a stage's name.",
        unit=Unit.COUNT,
        population=_LOST,
        denominator="closed_lost.deals",
        clock=Clock.IN_RANGE,
        date_bases=DATE_BASES,
        comparison=Comparison.PERCENT,
        hubspot_properties=_REASON,
        doubtful_when=_OTHER_PROPERTY,
        view="metric_losses_without_reason",
        shown_in={
            Face.CRM_REPORT: "losses.without_reason",
            Face.STATUS: "portal_profile.lost_deals_without_reason.count",
            Face.SYNTHESIS: "loss_themes.without_reason.deals",
        },
    ),
    Metric(
        id="losses.with_reason",
        label="Lost with a reason",
        definition="How many lost deals give a reason that says something.",
        unit=Unit.COUNT,
        population=_LOST,
        denominator="closed_lost.deals",
        clock=Clock.IN_RANGE,
        date_bases=DATE_BASES,
        comparison=Comparison.PERCENT,
        hubspot_properties=_REASON,
        doubtful_when=_OTHER_PROPERTY,
        view="metric_losses_with_reason",
        shown_in={Face.CRM_REPORT: "losses.with_reason"},
    ),
    *(
        Metric(
            id=f"losses.themes.{name}",
            label=label,
            definition=definition,
            unit=unit,
            population="lost deals of one theme, dated in the range",
            denominator=denominator,
            clock=Clock.IN_RANGE,
            date_bases=DATE_BASES,
            comparison=comparison,
            hubspot_properties=(*properties, *_REASON),
            doubtful_when="reasons are free text: what the table of reasons does not know is a theme of its own",
            shown_in={Face.CRM_REPORT: f"losses.themes.{name}"},
        )
        for name, label, definition, unit, denominator, comparison, properties in (
            (
                "deals",
                "Loss theme: deals",
                "How many lost deals give a reason that is about one theme, by the table of reasons.",
                Unit.COUNT,
                "closed_lost.deals",
                Comparison.PERCENT,
                (),
            ),
            (
                "share",
                "Loss theme: share",
                "A theme's lost deals divided by all lost deals, those without a reason included, to four digits.",
                Unit.RATE,
                "closed_lost.deals",
                Comparison.POINTS,
                (),
            ),
            (
                "amounts",
                "Loss theme: worth",
                "What a theme's lost deals are worth, per currency of theirs.",
                Unit.MONEY,
                None,
                Comparison.PERCENT,
                _AMOUNT,
            ),
        )
    ),
)

_ALL = (
    Metric(
        id="deals.all",
        label="Deals",
        definition="How many deals there are: won, lost and open ones, with a date or without.",
        unit=Unit.COUNT,
        population=_LIVE,
        clock=Clock.AS_OF,
        comparison=Comparison.NONE,
        hubspot_properties=(),
        doubtful_when="the backfill has not finished, or its window leaves old deals out",
        view="metric_deals_all",
        shown_in={Face.SYNTHESIS: "channel_mix.total.deals"},
    ),
    *(
        Metric(
            id=f"deals.sourced_by_{step}",
            label=f"Deals with their source from the {record}",
            definition=f"How many deals have their source from {origin}.",
            unit=Unit.COUNT,
            population=_LIVE,
            denominator="deals.all",
            clock=Clock.AS_OF,
            comparison=Comparison.NONE,
            hubspot_properties=("hs_analytics_source",),
            doubtful_when="HubSpot gives records that were typed in or imported the source Offline",
            view=f"metric_deals_sourced_by_{step}",
            shown_in={Face.SYNTHESIS: f"channel_mix.steps.{step}"},
        )
        for step, record, origin in (
            ("deal", "deal", "their own property"),
            ("contact", "contact", "their earliest contact that has one, having none themselves"),
            ("company", "company", "their primary company, having none themselves nor from a contact"),
        )
    ),
    Metric(
        id="deals.without_source",
        label="Deals without a source",
        definition="How many deals have a source neither themselves nor from a contact or their primary company.",
        unit=Unit.COUNT,
        population=_LIVE,
        denominator="deals.all",
        clock=Clock.AS_OF,
        comparison=Comparison.NONE,
        hubspot_properties=("hs_analytics_source",),
        doubtful_when="deals are linked to no contact and no company",
        view="metric_deals_without_source",
        shown_in={Face.SYNTHESIS: "channel_mix.steps.unknown"},
    ),
    *(
        Metric(
            id=f"closed_won.{kind}_business",
            label=f"Closed won: {kind} business",
            definition=f"How many won deals say that they are {kind} business.",
            unit=Unit.COUNT,
            population="won deals, whatever their date",
            denominator="closed_won.deals",
            clock=Clock.AS_OF,
            comparison=Comparison.NONE,
            hubspot_properties=("dealtype", *_STAGE),
            doubtful_when="less than half of the won deals say which",
            view=f"metric_closed_won_{kind}_business",
            shown_in={Face.SYNTHESIS: f"channel_mix.total.{kind}.deals"},
        )
        for kind in ("new", "existing")
    ),
)

DEALS = (*_CLOSED_WON, *_RATES[:1], *_CLOSED_LOST, *_LOSSES, *_RATES[1:], *_OPEN_DEALS, *_OVERDUE, *_CREATED, *_ALL)
