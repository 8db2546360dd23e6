"""The systemd unit: a service manager understands it, and it gives `up` the time that `up` may take to stop."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coppermind_pipeline.interfaces.processes import children, serving
from coppermind_pipeline.interfaces.up.dagster_processes import dagster_children
from coppermind_pipeline.store import Database

_DEPLOY = Path(__file__).parents[1] / "deploy"
_UNIT = _DEPLOY / "coppermind.service"
# What `pg_ctl -m fast` takes on a large database is its last checkpoint's.
_DATABASE_STOP_S = 120


def _setting(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", _UNIT.read_text(), re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd on this machine")
@pytest.mark.parametrize("unit", sorted(_DEPLOY.glob("*.service")), ids=lambda unit: unit.stem)
def test_systemd_understands_the_units(unit: Path, tmp_path: Path):
    installed = tmp_path / unit.name
    installed.write_text(unit.read_text().replace("/opt/coppermind/.venv/bin", str(Path(sys.executable).parent)))
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", installed], check=False, capture_output=True, text=True
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_it_waits_for_as_long_as_up_may_take_to_stop(database: Database, tmp_path: Path):
    dagster = dagster_children(database, workspace=tmp_path, code_location="", code_socket=tmp_path, port=0)
    stopping = sum(child.stop_deadline_s + children.KILL_DEADLINE_S for child in dagster)
    [timeout] = _setting("TimeoutStopSec")
    assert int(timeout.removesuffix("s")) >= stopping + serving.STOP_DEADLINE_S + 1 + _DATABASE_STOP_S
    # Only `up` knows the order: the daemon before the code server, and the database last.
    assert _setting("KillMode") == ["mixed"]
    assert _setting("User") == ["coppermind"]
