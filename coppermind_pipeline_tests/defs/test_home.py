"""dagster.yaml in COPPERMIND_HOME is its people's: what they set there stays, and storage stays ours."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from coppermind_pipeline.defs import home
from coppermind_pipeline.defs.home import SHIPPED, InvalidDagsterYaml, prepare_dagster_home
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

LAUNCHER = "run_launcher: {module: dagster, class: DefaultRunLauncher}  # as we want it\n"
FORMER_STORAGE = """\
storage:
  custom:
    module: coppermind_pipeline.defs.storage
    class: PooledPostgresStorage
    config:
      postgres_url:
        env: COPPERMIND_DAGSTER_DATABASE_URL
"""


class Home:
    """DAGSTER_HOME of an installation that is started again and again."""

    def __init__(self, directory: Path, database: Database) -> None:
        self._settings, self._database = Settings(home=directory), database
        self.file = directory / "dagster" / "dagster.yaml"

    def start(self) -> dict[str, Any]:
        prepare_dagster_home(self._settings, self._database)
        return yaml.safe_load(self.file.read_text())

    def write(self, text: str) -> None:
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(text)


@pytest.fixture
def installation(tmp_path: Path, database: Database) -> Home:
    return Home(tmp_path, database)


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """From here on, another dagster.yaml is shipped."""
    shipped = tmp_path / "next.yaml"
    shipped.write_text(SHIPPED.read_text().replace("max_concurrent_runs: 4", "max_concurrent_runs: 5"))
    monkeypatch.setattr(home, "SHIPPED", shipped)
    return yaml.safe_load(shipped.read_text())


def test_the_first_start_writes_what_is_shipped_and_a_new_version_renews_it(installation, request):
    assert installation.start() == yaml.safe_load(SHIPPED.read_text())
    next_version = request.getfixturevalue("next_version")
    assert installation.start() == next_version


def test_the_copy_of_an_installation_from_before_is_renewed_where_nobody_changed_it(installation, monkeypatch):
    former = FORMER_STORAGE + LAUNCHER
    monkeypatch.setattr(home, "_SHIPPED_WITHOUT_COPY", {hashlib.sha256(former.encode()).hexdigest()})
    installation.write(former)
    assert installation.start() == yaml.safe_load(SHIPPED.read_text())


def test_what_a_person_has_set_stays_word_for_word_through_starts_and_versions(installation, request):
    installation.start()
    theirs = installation.file.read_text().replace("max_concurrent_runs: 4", "max_concurrent_runs: 8") + LAUNCHER
    installation.write(theirs)
    installation.start()
    request.getfixturevalue("next_version")
    installation.start()
    assert installation.file.read_text() == theirs
    assert "max_concurrent_runs: 5" in installation.file.with_name("dagster.yaml.shipped").read_text()


@pytest.mark.parametrize(
    "storage",
    [
        "",
        FORMER_STORAGE,
        "storage: {sqlite: {base_dir: elsewhere}}\n",
        "storage:\n  postgres:\n    postgres_url: postgresql://elsewhere\n",
    ],
)
def test_storage_is_put_right_and_nothing_else_is_touched(installation, storage):
    installation.write(f"# ours\nretention: {{schedule: {{purge_after_days: 9}}}}\n{storage}\n# behind\n{LAUNCHER}")
    configured = installation.start()
    assert configured["storage"] == yaml.safe_load(SHIPPED.read_text())["storage"]
    text = installation.file.read_text()
    assert text.replace(" ", "").startswith("storage" if not storage else "#ours")
    for line in ("# ours", "# behind", LAUNCHER.strip(), "retention: {schedule: {purge_after_days: 9}}"):
        assert text.splitlines().count(line) == 1
    assert "elsewhere" not in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("run_queue: [", "expected the node content"),
        ("- a list\n", "parse to dictionary"),
        ("run_launchr: {}\n", 'unexpected config entry "run_launchr"'),
        ("concurrency: {runs: {max_concurrent_runs: many}}\n", "concurrency:runs:max_concurrent_runs"),
        ("run_launcher: {module: nowhere.there, class: Launcher}\n", "Couldn't import module nowhere.there"),
    ],
)
def test_a_file_that_dagster_does_not_take_is_refused_and_left_alone(installation, text, says):
    installation.write(text)
    with pytest.raises(InvalidDagsterYaml) as refused:
        installation.start()
    assert says in refused.value.message
    assert str(installation.file) in refused.value.message
    assert len(refused.value.message) < 500
    assert refused.value.exit_code == 2
    assert installation.file.read_text() == text
    installation.file.rename(installation.file.with_name("mine.yaml"))
    installation.start()
