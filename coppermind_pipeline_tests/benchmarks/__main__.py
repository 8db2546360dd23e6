"""Runs the benchmarks, each in a process of its own, and prints one line of JSON for each."""

import json
import signal
import subprocess
import sys

from coppermind_pipeline_tests.benchmarks.accounts import accounts
from coppermind_pipeline_tests.benchmarks.changes import changed_deals, deals_as_of
from coppermind_pipeline_tests.benchmarks.fleet import fleet
from coppermind_pipeline_tests.benchmarks.glances import briefs, digests
from coppermind_pipeline_tests.benchmarks.leads import lead_reports
from coppermind_pipeline_tests.benchmarks.measures import (
    backfill_under_limits,
    backfill_unlimited,
    changed_filters,
    normalization,
    sync_under_limits,
    sync_unlimited,
)
from coppermind_pipeline_tests.benchmarks.memory_measures import first_memories, memories_of_changes
from coppermind_pipeline_tests.benchmarks.parts import parts
from coppermind_pipeline_tests.benchmarks.reporting import reporting
from coppermind_pipeline_tests.benchmarks.retaining import retaining
from coppermind_pipeline_tests.benchmarks.searching import searching
from coppermind_pipeline_tests.questions.benchmark import asked_questions

BENCHMARKS = {
    "backfill_under_limits": lambda: backfill_under_limits(
        contacts=100_000, companies=20_000, deals=40_000, latency_ms=150
    ),
    "sync_under_limits_15k": lambda: sync_under_limits(contacts=10_000, companies=1_500, deals=3_500, latency_ms=150),
    "sync_under_limits": lambda: sync_under_limits(contacts=100_000, companies=20_000, deals=40_000, latency_ms=150),
    "sync_unlimited_100k": lambda: sync_unlimited(records=100_000),
    "backfill_unlimited_10k": lambda: backfill_unlimited(records=10_000),
    "backfill_unlimited_100k": lambda: backfill_unlimited(records=100_000),
    "backfill_unlimited_1m": lambda: backfill_unlimited(records=1_000_000),
    "fleet_20": lambda: fleet(connectors=20, minutes=16),
    "fleet_1000": lambda: fleet(connectors=1_000, minutes=16),
    "fleet_1000_backfilling": lambda: fleet(connectors=1_000, backfilling=20, minutes=16),
    "parts": lambda: parts(connectors=40, records=8_000),
    "normalization": lambda: normalization(records=100_000),
    "changed_filters": lambda: changed_filters(records=100_000),
    "first_memories": lambda: first_memories(deals=10_000),
    "memories_of_changes": lambda: memories_of_changes(deals=10_000, changed=10_000),
    "memories_of_changes_1m": lambda: memories_of_changes(deals=300_000, changed=30_000),
    "reports_100k": lambda: reporting(deals=30_000, others=70_000),
    "reports_1m": lambda: reporting(deals=300_000, others=700_000),
    "accounts": lambda: accounts(portal_deals=30_000, contacts=5_000, deals=2_000),
    "leads_1m": lambda: lead_reports(contacts=1_000_000, deals=100_000),
    "questions": asked_questions,
    "retention_300k": lambda: retaining(records=300_000),
    "as_of_300k": lambda: deals_as_of(deals=300_000, changed=10_000),
    "changes_300k": lambda: changed_deals(deals=300_000, changed=5_000),
    "digest_50": lambda: digests(minds=50, deals=2_000, changed=100),
    "brief_30k": lambda: briefs(deals=30_000, changed=1_000),
    "brief_300k": lambda: briefs(deals=300_000, changed=5_000),
    "search_100k": lambda: searching(minds=5),
    "search_1m": lambda: searching(minds=50),
}
# Many minutes each; run by their names.
NOT_BY_DEFAULT = {
    "as_of_300k", "backfill_unlimited_1m", "brief_300k", "changes_300k", "fleet_20", "fleet_1000",
    "fleet_1000_backfilling", "leads_1m", "memories_of_changes_1m", "reports_1m", "retention_300k", "search_1m",
    "sync_under_limits",
}  # fmt: skip


def main(names: list[str]) -> int:
    """Run the named benchmarks, or the default ones; a single one in this process."""
    if len(names) == 1:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # no server may stay behind
        print(json.dumps({"benchmark": names[0], **BENCHMARKS[names[0]]()}), flush=True)
        return 0
    chosen = names or [name for name in BENCHMARKS if name not in NOT_BY_DEFAULT]
    return max(
        subprocess.run([sys.executable, "-m", "coppermind_pipeline_tests.benchmarks", name], check=False).returncode
        for name in chosen
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
