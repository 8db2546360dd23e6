"""Image, chart's values and workers for Kubernetes, as far as they can be looked at without Docker and a cluster."""

import importlib
import re
import shlex
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from coppermind_pipeline.defs.home import SHIPPED
from coppermind_pipeline.interfaces.cli.app import app
from coppermind_pipeline.settings import Settings

_PROJECT = Path(__file__).parents[1]
_DEPLOY = _PROJECT / "deploy"
_INSTRUCTIONS = {"FROM", "WORKDIR", "RUN", "COPY", "ENV", "USER", "ENTRYPOINT", "CMD"}
# The chart's own, as its schema names them (helm/dagster/schema of dagster-io/dagster).
_TOP = {
    "global", "dagsterWebserver", "dagster-user-deployments", "postgresql", "generatePostgresqlPasswordSecret",
    "generateCeleryConfigSecret", "rabbitmq", "redis", "flower", "ingress", "imagePullSecrets", "computeLogManager",
    "scheduler", "runLauncher", "pythonLogs", "dagsterDaemon", "busybox", "migrate", "telemetry", "serviceAccount",
    "retention", "concurrency", "additionalInstanceConfig",
}  # fmt: skip
_BELOW = {
    "dagsterDaemon": {"enabled", "image", "envSecrets", "podSecurityContext", "runCoordinator", "runMonitoring",
                      "runRetries", "sensors"},
    "dagsterWebserver": {"replicaCount", "image", "envSecrets", "podSecurityContext"},
    "dagster-user-deployments": {"enabled", "deployments"},
    "postgresql": {"enabled", "postgresqlHost", "postgresqlUsername", "postgresqlDatabase", "service"},
    "runLauncher": {"type", "config"},
    "computeLogManager": {"type"},
    "retention": {"enabled", "sensor"},
    "global": {"postgresqlSecretName"},
}  # fmt: skip


def _instructions() -> list[tuple[str, str]]:
    text = (_DEPLOY / "Dockerfile").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def _all(instruction: str) -> list[str]:
    return [rest for word, rest in _instructions() if word == instruction]


def _values() -> dict[str, Any]:
    return yaml.safe_load((_DEPLOY / "helm-values.yaml").read_text())


def _worker() -> dict[str, Any]:
    deployment = yaml.safe_load((_DEPLOY / "kubernetes-worker.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("file", ["Dockerfile", "helm-values.yaml", "kubernetes-worker.yaml"])
def test_each_says_that_nobody_has_tried_it(file: str):
    assert re.search(r"NEVER (BUILT|RENDERED|APPLIED)", (_DEPLOY / file).read_text())


def test_the_image_is_made_of_what_is_there():
    assert {word for word, _ in _instructions()} == _INSTRUCTIONS
    copied = [words[:-1] for words in (shlex.split(rest) for rest in _all("COPY")) if not words[0].startswith("--from")]
    assert [path for paths in copied for path in paths if not (_PROJECT / path).exists()] == []
    python = {image.removeprefix("python:").partition("-")[0] for image in (rest.split()[0] for rest in _all("FROM"))}
    metadata = ConfigParser()
    metadata.read(_PROJECT / "setup.cfg")
    assert all(each in SpecifierSet(metadata["options"]["python_requires"]) for each in python)


def test_the_image_gets_in_only_what_is_known_by_hash_and_leaves_tests_tools_out():
    installs = [part for rest in _all("RUN") for part in re.split("&&|[|]", rest) if "pip install" in part]
    assert len(installs) == 2
    assert "--require-hashes -r constraints.txt" in installs[0]
    assert "--no-deps" in installs[1]
    ((code,),) = [re.findall(r'python -c "(.*)"', rest) for rest in _all("RUN") if "python -c" in rest]
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, cwd=_PROJECT, check=True, capture_output=True, text=True).stdout.split()
    metadata = ConfigParser()
    metadata.read(_PROJECT / "setup.cfg")
    needed = [Requirement(line).name for line in metadata["options"]["install_requires"].split("\n") if line]
    of_tests = [Requirement(line).name for line in metadata["options.extras_require"]["test"].split("\n") if line]
    assert printed == of_tests
    assert not set(printed) & set(needed)


def test_the_image_runs_as_nobody_in_particular():
    assert _all("USER") == ["10001"]
    assert "--uid 10001" in " ".join(_all("RUN"))
    commands = typer.main.get_command(app).commands  # pyright: ignore
    assert _all("ENTRYPOINT") == ['["coppermind"]']
    assert yaml.safe_load(_all("CMD")[0])[0] in commands


def test_the_values_are_keys_of_the_chart():
    values = _values()
    assert values.keys() <= _TOP
    assert [name for name, known in _BELOW.items() if values[name].keys() - known] == []
    assert f"version {version('dagster')}" in (_DEPLOY / "helm-values.yaml").read_text()


def test_the_chart_launches_and_limits_runs_as_is_shipped():
    values, shipped = _values(), yaml.safe_load(SHIPPED.read_text())
    launcher = values["runLauncher"]["config"]["customRunLauncher"]
    assert hasattr(importlib.import_module(launcher["module"]), launcher["class"])
    limits = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]["tagConcurrencyLimits"]
    ours = shipped["concurrency"]["runs"]["tag_concurrency_limits"]
    assert [(each["key"], each.get("value")) for each in limits] == [(each["key"], each.get("value")) for each in ours]
    assert values["retention"]["sensor"]["purgeAfterDays"] == shipped["retention"]["sensor"]["purge_after_days"]
    (code,) = values["dagster-user-deployments"]["deployments"]
    assert find_spec(code["dagsterApiGrpcArgs"][-1]) is not None


def test_all_of_them_have_the_settings_that_there_are():
    named = set(re.findall(r"COPPERMIND_([A-Z_]+)", (_DEPLOY / "helm-values.yaml").read_text()))
    assert {name.lower() for name in named} <= set(Settings.model_fields)
    secret = _worker()["envFrom"][0]["secretRef"]["name"]
    values = _values()
    for part in (
        values["dagsterWebserver"],
        values["dagsterDaemon"],
        *values["dagster-user-deployments"]["deployments"],
    ):
        assert part["envSecrets"] == [{"name": secret}]
        assert _worker()["image"] == f"{part['image']['repository']}:{part['image']['tag']}"


def test_the_workers_command_is_one():
    name, *options = _worker()["args"]
    command = typer.main.get_command(app).commands[name]  # pyright: ignore
    assert command.make_context(name, options).params == {"slots": 4}
