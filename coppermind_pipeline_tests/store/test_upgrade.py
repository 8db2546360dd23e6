from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import create_engine, make_url, text

from coppermind_pipeline.store import Database, upgrade


def test_processes_that_upgrade_an_empty_database_at_once_leave_one_schema(postgres_url: str):
    url = make_url(postgres_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE empty"))
    empty = url.set(database="empty").render_as_string(hide_password=False)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: upgrade(Database(empty)), range(4)))
    database = Database(empty)
    upgrade(database)
    with database.reader() as connection:
        assert connection.scalars(text("SELECT name FROM customers")).all() == ["local"]
    database.dispose()
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE empty WITH (FORCE)"))
    engine.dispose()


def test_a_connector_has_one_writer_at_a_time(database: Database):
    with database.connector_lock("acme-hubspot-abcd") as first, database.connector_lock("acme-hubspot-abcd") as second:
        assert first
        assert not second
        with database.connector_lock("globex-hubspot-abcd") as other:
            assert other
    with database.connector_lock("acme-hubspot-abcd") as again:
        assert again
