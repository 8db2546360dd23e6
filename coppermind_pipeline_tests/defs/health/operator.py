"""Who looks at Dagster, where nothing but the sensor `health` runs."""

from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg

from coppermind_pipeline.defs.health.sensor import health
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database


class Operator:
    """One operator, of an instance of Dagster and an installation."""

    def __init__(self, instance: dg.DagsterInstance, database: Database, home: Path) -> None:
        self.instance = instance
        self.installation = Installation(Settings(home=home), database)
        self.cursor: str | None = None

    def tick(self) -> str:
        """Let the sensor tick once; return what it says."""
        with dg.build_sensor_context(
            self.instance, cursor=self.cursor, resources={"installation": self.installation}
        ) as context:
            answer = health(context)
            self.cursor = context.cursor
        assert isinstance(answer, dg.SkipReason)
        return answer.skip_message or ""

    def evaluations(self) -> list[dg.AssetCheckEvaluation]:
        """Return all evaluations, oldest first."""
        records = self.instance.event_log_storage.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION), ascending=True
        )
        return [
            evaluation
            for record in records
            if (event := record.event_log_entry.dagster_event) is not None
            and isinstance(evaluation := event.event_specific_data, dg.AssetCheckEvaluation)
        ]

    def told(self) -> Counter[str]:
        """Return how often each check was told of."""
        return Counter(evaluation.check_name for evaluation in self.evaluations())

    def latest(self, check: str) -> dg.AssetCheckEvaluation:
        """Return what Dagster shows of a check: its latest execution."""
        asset = next(each.asset_key for each in self.evaluations() if each.check_name == check)
        key = dg.AssetCheckKey(asset, check)
        record = self.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
        assert record.evaluation is not None
        return record.evaluation

    def fleet(self) -> list[dict[str, Any]]:
        """Return the metadata of each materialization of `fleet`, oldest first."""
        records = self.instance.fetch_materializations(dg.AssetKey("fleet"), limit=100, ascending=True).records
        return [
            {name: value.value for name, value in record.asset_materialization.metadata.items()}
            for record in records
            if record.asset_materialization
        ]
