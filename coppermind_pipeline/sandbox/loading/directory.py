"""Fill a portal from a directory of files: CSV, or answers recorded from HubSpot's API."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import orjson

from coppermind_pipeline.sandbox.generated.deals import EXCHANGE_RATES
from coppermind_pipeline.sandbox.loading.csv_files import CSV_FILES, load_csv
from coppermind_pipeline.sandbox.loading.load_error import LoadError
from coppermind_pipeline.sandbox.loading.recordings import json_object, load_recordings
from coppermind_pipeline.sandbox.portal.catalogue import starting_definitions
from coppermind_pipeline.sandbox.portal.definitions import Definition
from coppermind_pipeline.sandbox.portal.object_kinds import DEALS, OBJECT_KINDS
from coppermind_pipeline.sandbox.portal.pipelines import SALES_PIPELINE, Pipeline
from coppermind_pipeline.sandbox.portal.portal import Portal

T = TypeVar("T")


def load(portal: Portal, directory: Path, *, definitions_per_type: int) -> None:
    """Fill an empty portal from a directory; what it has no file for is as in a new portal.

    Raises:
        LoadError: a file can't be read as it should be; the message names file and row.
    """
    if not directory.is_dir():
        raise LoadError(f"{directory} is no directory")
    is_csv = any((directory / name).is_file() for name in CSV_FILES)
    if not is_csv and not (directory / "objects").is_dir():
        raise LoadError(f"{directory} holds neither {', '.join(CSV_FILES)} nor recorded answers (objects/*.json)")
    portal.rates = EXCHANGE_RATES
    portal.pipelines.put(DEALS, list(_pipelines(directory)) or [SALES_PIPELINE])
    for kind in OBJECT_KINDS:
        portal.definitions[kind] = starting_definitions(kind, portal.pipelines, count=definitions_per_type)
        for place in (f"properties_{kind.name}.json", f"properties/{kind.name}.json"):
            for definition in _documents(directory / place, Definition.from_document):
                portal.definitions[kind].put(definition)
    try:
        if is_csv:
            load_csv(portal, directory)
        else:
            load_recordings(portal, directory)
    except LoadError:
        raise
    except OSError as error:
        raise LoadError(f"{error.filename}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LoadError(f"{directory} holds files of a shape that is not known ({error!r})") from error
    portal.records.index_all()
    portal.associations.index_all()


def recorded_hub_id(directory: Path) -> int | None:
    """Return the id of the portal whose answers were recorded, where its account details are among them."""
    for path in sorted((directory / "account").glob("*.json")):
        portal_id = json_object(path).get("portalId")
        if isinstance(portal_id, int):
            return portal_id
    return None


def _pipelines(directory: Path) -> Iterator[Pipeline]:
    for place in ("pipelines.json", "pipelines/deals.json"):
        yield from _documents(directory / place, Pipeline.from_document)


def _documents(path: Path, read: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    """Read a list of documents, bare or under `results`; a file that isn't there holds none."""
    if not path.is_file():
        return
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise LoadError(f"{path.name}: {error}") from error
    documents = content.get("results") if isinstance(content, dict) else content
    if not isinstance(documents, list):
        raise LoadError(f"{path.name}: a list, or an object with a list under `results`, was expected")
    for number, document in enumerate(documents, start=1):
        try:
            yield read(document)
        except (ValueError, TypeError, AttributeError) as error:
            raise LoadError(f"{path.name}, entry {number}: {error}") from error
