"""What nobody can read any more stops no work: a terminal that is closed, a pipe whose reader left, a full disk."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.logs import configure_logs

pytestmark = pytest.mark.timeout(30)


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    output.error_console.cache_clear()


def pipe_without_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def full_disk() -> int:
    return os.open(Path("/dev/full"), os.O_WRONLY)


@pytest.mark.parametrize("opened", [pipe_without_reader, full_disk])
def test_work_goes_on_where_standard_error_takes_nothing(
    opened: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = opened()
    monkeypatch.setattr("sys.stderr", open(descriptor, "w", buffering=1, closefd=False))  # noqa: SIM115
    output.error_console.cache_clear()
    configure_logs()

    structlog.get_logger().warning("a portal was connected", connector_id="acme-hubspot-7f3a")
    output.note("The daemon ended by itself, and is started again.")

    os.close(descriptor)
