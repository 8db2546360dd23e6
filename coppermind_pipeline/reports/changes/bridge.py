"""One bridge: what was open, what happened to it step by step, and what is open."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal

from coppermind_pipeline.reports.changes.models import Bridge, BridgeStep, Level
from coppermind_pipeline.reports.changes.steps import Step
from coppermind_pipeline.wording import amount_text

_SUMS = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(slots=True)
class Tally:
    """Deals, what they are worth together, and how many of them have no amount."""

    deals: int = 0
    amount: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, amount: Decimal | None, *, unpriced: int, deals: int = 1) -> None:
        """Count deals that are worth this together."""
        self.deals += deals
        self.amount = _SUMS.add(self.amount, amount or Decimal(0))
        self.unpriced += unpriced

    def shown(self, currency: str | None, *, tellable: bool) -> dict[str, int | str | None]:
        """Return the fields of a `Level`; without the amount where that can't be told."""
        amount = amount_text(self.amount, currency) if tellable else None
        return {"deals": self.deals, "amount": amount, "without_amount": self.unpriced}


@dataclass(slots=True)
class BridgeSums:
    """One bridge in the making; `lacking` counts the versions used that have an amount, and none in this currency."""

    opening: Tally = field(default_factory=Tally)
    steps: defaultdict[Step, Tally] = field(default_factory=lambda: defaultdict(Tally))
    closing: Tally = field(default_factory=Tally)
    lacking: int = 0

    def at_opening(self) -> Tally:
        """Return what was open."""
        return self.opening

    def at_closing(self) -> Tally:
        """Return what is open."""
        return self.closing

    def shown(self, currency: str | None, *, tellable: bool = True) -> Bridge:
        """Return it as answers show it."""
        tellable = tellable and not self.lacking
        return Bridge(
            currency=currency,
            opening=Level.model_validate(self.opening.shown(currency, tellable=tellable)),
            steps=[
                BridgeStep.model_validate(
                    {"step": step, "label": step.label, "effect": "-" if step.lessens else "+"}
                    | self.steps[step].shown(currency, tellable=tellable)
                )
                for step in Step
                if step in self.steps
            ],
            closing=Level.model_validate(self.closing.shown(currency, tellable=tellable)),
        )
