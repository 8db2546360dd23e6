"""What every test may ask for: a real PostgreSQL database of its own, cloned from a migrated template."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine, make_url, text

from coppermind_pipeline.store import Database, embedded, upgrade

# As on a newcomer's machine: what a command does not flush stays in its pipe, and whoever waits for it hangs.
os.environ.pop("PYTHONUNBUFFERED", None)

_numbers = count(1)

# Each test makes a database, hundreds of files: that takes a sixth of the time in memory, where there is plenty of it.
_MEMORY = Path("/dev/shm")
_PLENTY_BYTES = 4 << 30


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A server that ends with this session, with a migrated database that each test's is cloned from."""
    # Not under pytest's own directory, which another session closes to other users, the server's among them.
    in_memory = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _PLENTY_BYTES
    home = Path(tempfile.mkdtemp(prefix="coppermind-tests-", dir=_MEMORY if in_memory else None))
    atexit.register(shutil.rmtree, home, ignore_errors=True)  # registered first, hence run after the server has stopped
    url = embedded.start(home)
    # The log of what is written is of no use here, and would take up the memory.
    _administer(url, "ALTER SYSTEM SET max_wal_size = '256MB'")
    _administer(url, "SELECT pg_reload_conf()")
    _administer(url, "CREATE DATABASE template_coppermind")
    template = Database(_with_database(url, "template_coppermind"))
    upgrade(template)
    template.dispose()
    return url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE template_coppermind")
    yield _with_database(postgres_url, name)
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[Database]:
    """A second database, as a new installation's is."""
    name = f"test_{next(_numbers)}"
    _administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE template_coppermind")
    database = Database(_with_database(postgres_url, name))
    yield database
    database.dispose()
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def local_customer(database: Database) -> UUID:
    with database.reader() as connection:
        return connection.execute(text("SELECT id FROM customers WHERE name = 'local'")).scalar_one()


@pytest.fixture
def real_data() -> Path:
    """Recorded HubSpot answers and a public CRM data set, which lie beside the project where its authors work."""
    directory = Path(__file__).parents[2] / "shared" / "real-data"
    if not directory.is_dir():
        pytest.skip("the recorded data is not beside the project")
    return directory


def _with_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _administer(url: str, statement: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
