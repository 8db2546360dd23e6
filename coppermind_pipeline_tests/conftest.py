"""What every test may ask for: a real PostgreSQL database of its own, cloned from a migrated template.

And what every test is given: a time limit, and an end of whatever it started.
"""

import atexit
import faulthandler
import gc
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from uuid import UUID

import httpx
import hypothesis
import pytest
import pytest_timeout
import structlog
from sqlalchemy import Connection, create_engine, make_url, text

from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline_tests.left_behind import new_home, remove_homes_of_the_dead, watch_over_this_session

# As on a newcomer's machine: what a command does not flush stays in its pipe, and whoever waits for it hangs.
os.environ.pop("PYTHONUNBUFFERED", None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as under `&` in a script, and whatever is started inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is; a test as a whole has its limit.
hypothesis.settings.register_profile(
    "any machine", hypothesis.settings(), deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

NewDatabase = Callable[[], AbstractContextManager[str]]

_numbers = count(1)

# pyproject.toml has the limit of all others.
_LIMITS_S = {"slow": 900, "soak": 7200}

_stderr = pytest.StashKey[int]()
_watch = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_stderr] = os.dup(2)  # pytest captures it later
    if not hasattr(config, "workerinput"):  # what xdist starts is of the session that started it
        remove_homes_of_the_dead()
        config.stash[_watch] = watch_over_this_session()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name, limit_s in _LIMITS_S.items():
            if item.get_closest_marker(name) and not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(limit_s))


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: pytest_timeout.Settings) -> object:
    """End the process, with the stacks of all threads, where a test goes on hanging when its time limit interrupts it.

    So does one that cleans up after a thread that never ends.
    """
    faulthandler.dump_traceback_later(settings.timeout * 2, exit=True, file=item.config.stash[_stderr])
    return (yield)


def pytest_runtest_logfinish() -> None:
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def unheard_errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Say what asyncio has printed of errors that nobody asked for: it does once their task is collected."""

    def printed() -> list[str]:
        gc.collect()
        return [record.getMessage() for record in caplog.records if record.name == "asyncio"]

    return printed


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def certificates_loaded_once() -> Iterator[None]:
    """Each HTTP client loads all certificates that the machine trusts, which takes longer than most tests use one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context))
        yield


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a test, or a command that it runs in its own process, says about logging ends with the test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def server_home() -> Path:
    """The home of this session's server; its key file is that of the logins that tests' databases are opened by."""
    home = new_home()
    atexit.register(shutil.rmtree, home, ignore_errors=True)  # registered first, hence run after the server has stopped
    return home


@pytest.fixture(scope="session")
def postgres_url(server_home: Path) -> str:
    """A server that ends with this session, with a migrated database that each test's is cloned from."""
    url = embedded.start(server_home)
    with _administrator(url) as administrator:
        # The log of what is written is of no use here, and would take up the memory.
        administrator.execute(text("ALTER SYSTEM SET max_wal_size = '256MB'"))
        administrator.execute(text("SELECT pg_reload_conf()"))
        administrator.execute(text("CREATE DATABASE template_coppermind"))
    template = Database(_with_database(url, "template_coppermind"), server_home)
    upgrade(template)
    template.dispose()
    return url


@pytest.fixture(scope="session")
def administrator(postgres_url: str) -> Iterator[Connection]:
    """A connection that makes and drops databases: one of its own for each would take as long as that."""
    with _administrator(postgres_url) as administrator:
        yield administrator


@pytest.fixture(scope="session")
def new_database(postgres_url: str, administrator: Connection) -> NewDatabase:
    """Makes databases as a new installation's is, each there for as long as its `with` block lasts."""

    @contextmanager
    def new() -> Iterator[str]:
        name = f"test_{next(_numbers)}"
        # Files are copied in a fraction of the time that it takes to write each of their pages to the log.
        administrator.execute(text(f"CREATE DATABASE {name} TEMPLATE template_coppermind STRATEGY file_copy"))
        yield _with_database(postgres_url, name)
        administrator.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    return new


@pytest.fixture
def database_url(new_database: NewDatabase) -> Iterator[str]:
    with new_database() as url:
        yield url


@pytest.fixture
def database(database_url: str, server_home: Path) -> Iterator[Database]:
    database = Database(database_url, server_home)
    yield database
    database.dispose()


@pytest.fixture
def empty_database(new_database: NewDatabase, server_home: Path) -> Iterator[Database]:
    """A second database beside the test's own."""
    with new_database() as url:
        database = Database(url, server_home)
        yield database
        database.dispose()


@pytest.fixture
def local_customer(database: Database) -> UUID:
    with database.reader() as connection:
        return connection.execute(text("SELECT id FROM customers WHERE name = 'local'")).scalar_one()


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Path]:
    """A directory to call commands in, whose files nobody may import."""
    directory, sprung = tmp_path / "trap", tmp_path / "sprung"
    directory.mkdir()
    for name in ("coppermind_pipeline", "dagster", "dagster_webserver", "orjson", "psycopg", "sqlalchemy", "yaml"):
        (directory / f"{name}.py").write_text(f"open({str(sprung)!r}, 'a').write(__file__)\nraise SystemExit(3)\n")
    yield directory
    assert not sprung.exists(), sprung.read_text()


@pytest.fixture
def real_data() -> Path:
    """Recorded HubSpot answers and a public CRM data set, which lie beside the project where its authors work."""
    directory = Path(__file__).parents[2] / "shared" / "real-data"
    if not directory.is_dir():
        pytest.skip("the recorded data is not beside the project")
    return directory


@contextmanager
def _administrator(url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _with_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
