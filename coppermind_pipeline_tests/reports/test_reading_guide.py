"""The guide's recount of a report, run on a report's file, prints the report's figures."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coppermind_pipeline.reports import ReportFormat, render
from coppermind_pipeline_tests.reports.conftest import MakeReport
from coppermind_pipeline_tests.stored_portal import StoredPortal

_GUIDE = Path(__file__).parents[2] / "docs" / "how-to-read-the-report.md"
_CLOSED = datetime(2026, 8, 20, 15, tzinfo=UTC)


def test_the_guides_recount_is_the_report(
    portal: StoredPortal,
    report: MakeReport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number, (outcome, amount, currency, source) in enumerate((
        ("won", "100.50", "USD", "PAID_SEARCH"), ("won", "20", "EUR", "PAID_SEARCH"), ("won", None, None, "REFERRALS"),
        ("won", "7", "USD", "PAID_SEARCH"), ("lost", "9", "USD", "OFFLINE"), ("open", "5", "USD", "OFFLINE"),
    )):  # fmt: skip
        portal.deal(str(number), name=f"Übersee {number}", outcome=outcome, close_at=_CLOSED, amount=amount,
                    currency=currency, attributed_source=source)  # fmt: skip
    made = report(period="last_quarter", detail=True, page_rows=1000)
    (tmp_path / "deals.csv").write_text(render(made, ReportFormat.CSV), encoding="utf-8", newline="")
    monkeypatch.chdir(tmp_path)
    (recount,) = re.findall(r"```python\n(.*?)```", _GUIDE.read_text(), re.DOTALL)
    exec(recount, {})
    worth = {amount.currency: amount.amount for amount in made.summary.closed_won.amounts}
    assert worth == {"EUR": "20.00", "USD": "107.50"}
    assert made.summary.win_rate == "0.8000"
    assert capsys.readouterr().out.splitlines() == [
        "won 4 lost 1 without amount 1",
        f"worth {worth}",
        "win rate 0.8000",
        "by source {'Paid Search': 3, 'Referrals': 1}",
    ]
