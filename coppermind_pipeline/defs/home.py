"""DAGSTER_HOME: where every Dagster process of this installation finds the same instance, set up as its people want it.

`dagster.yaml` there is theirs: it is written where it is missing, and renewed while nobody has changed it. The copy
beside it shows what was written last, so that a changed file can be told, and compared with what is shipped now.
"""

import hashlib
from pathlib import Path

import structlog
import yaml
from dagster._core.instance.ref import InstanceRef

from coppermind_pipeline.defs.storage import URL_VARIABLE
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, private_directory, replace_text

SHIPPED = Path(__file__).with_name("dagster.yaml")
# What was shipped while no copy was kept, by its SHA-256.
_SHIPPED_WITHOUT_COPY = {"3d52914bb02bb193bc1bad1953d34f041ff54d3c5cad6d7332e519ed635e5073"}

log = structlog.get_logger(__name__)


class InvalidDagsterYaml(UsageError):
    """Dagster can't be set up as dagster.yaml says."""

    code = "invalid_dagster_yaml"


def prepare_dagster_home(settings: Settings, database: Database) -> dict[str, str]:
    """Set up `COPPERMIND_HOME/dagster` and return the environment that Dagster's processes need.

    Raises:
        InvalidDagsterYaml: somebody has made the file there one that Dagster does not take.
    """
    home = settings.home / "dagster"
    private_directory(home)
    _write_configuration(home / "dagster.yaml")
    environment = {
        "COPPERMIND_HOME": str(settings.home),
        URL_VARIABLE: database.dagster_url(),
        "DAGSTER_HOME": str(home),
    }
    if settings.broker_url is not None:
        # As Celery reads them, wherever dagster.yaml has runs launched by it, and in its workers.
        broker = settings.broker_url.get_secret_value()
        environment |= {"CELERY_BROKER_URL": broker, "CELERY_RESULT_BACKEND": broker}
    return environment


def _write_configuration(file: Path) -> None:
    shipped, copy = SHIPPED.read_text(), file.with_name("dagster.yaml.shipped")
    if not file.exists() or _is_unchanged(file, copy):
        replace_text(file, shipped)
        replace_text(copy, shipped)
        return
    replace_text(copy, shipped)
    try:
        _require_valid(file)
    except Exception as error:
        raise InvalidDagsterYaml(
            f"Dagster can't be set up as {file} says: {_reason(error)}",
            hint=f"Correct it, or move it away: the next start writes what is shipped, which is in {copy}, too.",
        ) from error
    replace_text(file, _with_our_storage(file.read_text(), shipped))


def _is_unchanged(file: Path, copy: Path) -> bool:
    """Say whether nobody has changed the file since it was written."""
    content = file.read_bytes()
    if copy.exists():
        return content == copy.read_bytes()
    return hashlib.sha256(content).hexdigest() in _SHIPPED_WITHOUT_COPY


def _with_our_storage(theirs: str, shipped: str) -> str:
    """Return a person's configuration, with the storage as we have it: backups and logins hang on that."""
    start, end = _storage(shipped)
    ours = shipped[start:end]
    if "storage" not in (yaml.safe_load(theirs) or {}):
        return f"{ours}\n\n{theirs}"
    if yaml.safe_load(theirs)["storage"] == yaml.safe_load(ours)["storage"]:
        return theirs
    start, end = _storage(theirs)
    log.warning("storage in dagster.yaml put right")  # what it was may hold a password
    return theirs[:start] + ours + theirs[end:]


def _storage(text: str) -> tuple[int, int]:
    """Return where the storage stands in a configuration."""
    (place,) = (
        (key.start_mark.index, _end(value)) for key, value in yaml.compose(text).value if key.value == "storage"
    )
    return place


def _end(node: yaml.Node) -> int:
    """Return where a value ends; a block's own mark lies behind the comments that follow it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        return _end(node.value[-1][1])
    return node.end_mark.index


def _require_valid(file: Path) -> None:
    """Let Dagster read the configuration, and make the classes that it names, whoever's they are."""
    instance = InstanceRef.from_dir(str(file.parent))
    for part in ("run_launcher", "run_coordinator", "compute_log_manager", "scheduler"):
        getattr(instance, part)


def _reason(error: Exception) -> str:
    # Of an unknown name, Dagster says what else it would expect: everything that there is.
    return " ".join(str(error).partition("Expected:")[0].split())
