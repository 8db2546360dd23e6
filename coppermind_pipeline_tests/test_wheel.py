"""A wheel of the project, installed where there is no checkout, is the whole product."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zipfile import ZipFile

import httpx
import pytest

from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.store import embedded
from coppermind_pipeline_tests.fresh_environments import PROJECT, FreshEnvironment
from coppermind_pipeline_tests.left_behind import new_home

pytestmark = pytest.mark.slow

COMMAND_MAX_S = 300
BUILT_FROM = ("pyproject.toml", "setup.cfg", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "coppermind_pipeline", directory / "coppermind_pipeline",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    for name in BUILT_FROM:
        shutil.copy(PROJECT / name, directory / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
               "--wheel-dir", directory / "dist", directory]  # fmt: skip
    subprocess.run(command, check=True, timeout=COMMAND_MAX_S)
    (built,) = (directory / "dist").iterdir()
    return built


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A directory with nothing in it, for a person who has installed the wheel."""

    directory: Path
    variables: dict[str, str]

    @property
    def coppermind(self) -> str:
        return str(self.directory.parent / "environment" / "bin" / "coppermind")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.coppermind, *arguments], cwd=self.directory, env=self.variables,
                              capture_output=True, text=True, check=False, timeout=COMMAND_MAX_S)  # fmt: skip


@pytest.fixture
def elsewhere(wheel: Path) -> Iterator[Elsewhere]:
    parent = new_home()
    environment = FreshEnvironment(parent / "environment")
    command = [sys.executable, "-m", "pip", "--python", environment.python, "install", "--quiet", "--no-deps",
               "--no-index", wheel]  # fmt: skip
    subprocess.run(command, check=True, timeout=COMMAND_MAX_S)
    (parent / "empty").mkdir()
    ports = {
        "COPPERMIND_PUBLIC_URL": f"http://localhost:{free_port(0)}",
        "COPPERMIND_DAGSTER_PORT": str(free_port(0)),
    }
    yield Elsewhere(parent / "empty", environment.variables(parent) | ports)
    embedded.stop(parent / ".coppermind")
    shutil.rmtree(parent)


def test_a_wheel_holds_every_file_of_the_package(wheel: Path):
    ours = {
        str(file.relative_to(PROJECT))
        for file in (PROJECT / "coppermind_pipeline").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == ours
    assert "coppermind_pipeline/defs/dagster.yaml" in held


def test_it_runs_everything_in_an_empty_directory(elsewhere: Elsewhere):
    helped = elsewhere.run("--help")
    assert helped.returncode == 0, helped.stderr
    assert "up" in helped.stdout
    assert elsewhere.run("minds", "create", "Acme", "--json").returncode == 0  # with all migrations
    process = subprocess.Popen([elsewhere.coppermind, "up", "--json"], cwd=elsewhere.directory, env=elsewhere.variables,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        assert lines[-1:] == ["}\n"], process.stderr and process.stderr.read()
        addresses = json.loads("".join(lines))
        assert httpx.get(f"{addresses['web']}/healthz", timeout=60).json() == {"status": "ok"}
        page = httpx.get(addresses["sign_in"], timeout=60)
        assert page.status_code == 200
        assert urlsplit(addresses["dagster"]).port == int(elsewhere.variables["COPPERMIND_DAGSTER_PORT"])
        assert httpx.get(f"{addresses['dagster']}/server_info", timeout=60).status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert list(elsewhere.directory.iterdir()) == []
