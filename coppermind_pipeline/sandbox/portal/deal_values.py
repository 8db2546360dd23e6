"""The properties of a deal that HubSpot calculates from its stage, amount and dates."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache

from coppermind_pipeline.sandbox.portal.pipelines import Pipelines, Stage
from coppermind_pipeline.sandbox.timestamps import DAY_MS, iso, parse_ms

DIGITS_MAX = 30  # a number of a million digits is no amount, and takes minutes to be written down

#: Every property that `calculated` may return: where it does not return one, the deal has none.
CALCULATED_NAMES = frozenset(
    {
        "amount_in_home_currency",
        "days_to_close",
        "hs_closed_amount",
        "hs_closed_amount_in_home_currency",
        "hs_closed_deal_close_date",
        "hs_closed_deal_create_date",
        "hs_closed_won_count",
        "hs_closed_won_date",
        "hs_days_to_close_raw",
        "hs_deal_stage_probability_shadow",
        "hs_forecast_amount",
        "hs_is_closed",
        "hs_is_closed_count",
        "hs_is_closed_lost",
        "hs_is_closed_won",
        "hs_is_open_count",
        "hs_open_amount_in_home_currency",
        "hs_projected_amount",
        "hs_projected_amount_in_home_currency",
    }
)


def calculated(
    values: Mapping[str, str], *, pipelines: Pipelines, company_currency: str, rates: Mapping[str, Decimal]
) -> dict[str, str]:
    """Return a deal's calculated properties; those that can't be told are left out.

    A stage that no longer exists keeps what the deal says of itself (`hs_is_closed`, `hs_is_closed_won`).

    Args:
        values: the deal's set properties; `createdate` among them.
        rates: value of one unit of a currency in the company's currency.
    """
    stage = pipelines.deal_stage(values.get("dealstage")) or _stage_by_flags(values)
    amount = _number(values.get("amount"))
    home = _in_home_currency(amount, values, company_currency, rates)
    found = _outcome(stage)
    if home is not None:
        found["amount_in_home_currency"] = _plain(home)
        found["hs_closed_amount_in_home_currency"] = _plain(home) if stage.won else "0"
        found["hs_open_amount_in_home_currency"] = "0" if stage.closed else _plain(home)
    if amount is not None:
        found["hs_forecast_amount"] = _plain(amount)
        found["hs_closed_amount"] = _plain(amount) if stage.won else "0"
        chance = _number(values.get("hs_deal_stage_probability")) or _probability(stage)
        if chance is not None and not stage.closed:
            found["hs_projected_amount"] = str(amount * chance)
            found["hs_projected_amount_in_home_currency"] = str((home if home is not None else amount) * chance)
    found |= _dates(values, stage)
    return found


def probability_text(probability: float) -> str:
    """Spell a probability as HubSpot does: the exact value of the binary number (`0.2000000000000000111…`)."""
    return str(Decimal(probability)) if probability not in {0.0, 1.0} else str(int(probability))


@cache
def _outcome_texts(*, closed: bool, won: bool) -> tuple[tuple[str, str], ...]:
    lost = closed and not won
    return (
        ("hs_is_closed", str(closed).lower()),
        ("hs_is_closed_won", str(won).lower()),
        ("hs_is_closed_lost", str(lost).lower()),
        ("hs_is_closed_count", str(int(closed))),
        ("hs_is_open_count", str(int(not closed))),
        ("hs_closed_won_count", str(int(won))),
    )


def _outcome(stage: Stage) -> dict[str, str]:
    found = dict(_outcome_texts(closed=stage.closed, won=stage.won))
    if stage.probability is not None:
        found["hs_deal_stage_probability_shadow"] = probability_text(stage.probability)
    return found


def _dates(values: Mapping[str, str], stage: Stage) -> dict[str, str]:
    closed_ms = parse_ms(values.get("closedate") or "")
    created_ms = parse_ms(values.get("createdate") or "")
    if closed_ms is None or created_ms is None:
        return {}
    days = max(0, closed_ms - created_ms) / DAY_MS
    found = {"days_to_close": str(int(days)), "hs_days_to_close_raw": f"{days:.5f}"}
    if stage.won:
        found["hs_closed_won_date"] = iso(closed_ms)
    if stage.closed:
        found["hs_closed_deal_close_date"] = str(closed_ms)
        found["hs_closed_deal_create_date"] = str(created_ms)
    return found


def _stage_by_flags(values: Mapping[str, str]) -> Stage:
    closed = values.get("hs_is_closed") == "true"
    won = values.get("hs_is_closed_won") == "true"
    return Stage(values.get("dealstage", ""), "", 1.0 if won else 0.0 if closed else None, closed or won)


def _in_home_currency(
    amount: Decimal | None, values: Mapping[str, str], company_currency: str, rates: Mapping[str, Decimal]
) -> Decimal | None:
    currency = values.get("deal_currency_code")
    if amount is None or not currency or currency == company_currency:
        return amount
    rate = _number(values.get("hs_exchange_rate")) or rates.get(currency)
    return None if rate is None else (amount * rate).quantize(Decimal("0.01"))


def _probability(stage: Stage) -> Decimal | None:
    return None if stage.probability is None else Decimal(stage.probability)


def _number(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and number.adjusted() < DIGITS_MAX else None


def _plain(number: Decimal) -> str:
    return format(number, "f")
