"""Dagster's own pages, as a person's browser asks them: by GraphQL."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

START_MAX_S = 180
RUN_MAX_S = 180


class DagsterPages:
    """The pages of a web server that asks nobody who they are, with one code location."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/graphql"

    def wait_for_partition(self, connector_id: str) -> None:
        query = """{assetNodes(assetKeys: [{path: ["raw_deals"]}]) {partitionKeys}}"""
        eventually(lambda: connector_id in self.ask(query)["assetNodes"][0]["partitionKeys"], START_MAX_S)

    def run(
        self, connector_id: str, *, job: str, config: Mapping[str, Any] | None = None, assets: Sequence[str] = ()
    ) -> str:
        """Start a run of a job, or of some assets of it, and return how it ended."""
        selector: dict[str, Any] = {**self._repository(), "jobName": job}
        if assets:
            selector["assetSelection"] = [{"path": [asset]} for asset in assets]
        tags = [{"key": "dagster/partition", "value": connector_id}]
        started = self.ask(
            """mutation($parameters: ExecutionParams!) {
                launchRun(executionParams: $parameters) {
                    ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}""",
            parameters={"selector": selector, "runConfigData": config or {}, "executionMetadata": {"tags": tags}},
        )
        run_id = started["launchRun"]["run"]["runId"]
        query = "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"

        def status() -> str:
            return self.ask(query, id=run_id)["runOrError"]["status"]

        eventually(lambda: status() in {"SUCCESS", "FAILURE", "CANCELED"}, RUN_MAX_S)
        return status()

    def start_backfill(self, asset: str, connector_ids: Sequence[str]) -> str:
        """Start a backfill of an asset's partitions, as the button of its page does, and return its id."""
        parameters = {
            "assetSelection": [{"path": [asset]}],
            "partitionNames": list(connector_ids),
        }
        started = self.ask(
            """mutation($parameters: LaunchBackfillParams!) {
                launchPartitionBackfill(backfillParams: $parameters) {
                    __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}""",
            parameters=parameters,
        )
        return started["launchPartitionBackfill"]["backfillId"]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = httpx.post(self._url, json={"query": query, "variables": variables}, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def _repository(self) -> dict[str, str]:
        (location,) = self.ask("{workspaceOrError {... on Workspace {locationEntries {name}}}}")["workspaceOrError"][
            "locationEntries"
        ]
        return {"repositoryLocationName": location["name"], "repositoryName": "__repository__"}


def eventually(holds: Callable[[], bool], deadline_s: float) -> None:
    """Wait until something holds; a server that is asked for it may be starting."""
    until = time.monotonic() + deadline_s
    while True:
        try:
            if holds():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < until
        time.sleep(0.2)
