"""HubSpot's OAuth callback, served by a process that makes authorization links, where no web service does."""

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from coppermind_pipeline.connectors import Lifecycle, load_connector
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web import WebService, web_service_answers

LOOK_INTERVAL_S = 1.0


class CallbackListener:
    """Serves the callback from the first link on until every link was answered or has expired.

    Then it gives the port back, so that `coppermind up` can have it. Where something listens there already, it leaves
    the callback to that. The end of `with` ends it in any case.
    """

    def __init__(self, installation: Installation) -> None:
        """Nothing is served yet."""
        self._installation = installation
        self._lock = threading.Lock()
        self._awaited: dict[str, datetime] = {}
        self._serving: ExitStack | None = None
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        with self._lock:
            self._stop()

    def await_approval(self, connector_id: str, *, until: datetime) -> None:
        """Hear of an approval of the connector, until it is answered or the link expires.

        Raises:
            PortTaken: another process took the port at this moment.
        """
        with self._lock:
            self._awaited[connector_id] = until
            if self._serving is not None or web_service_answers(self._installation.settings):
                return
            self._serving = ExitStack()
            self._serving.enter_context(WebService(self._installation))
        threading.Thread(target=self._stop_when_answered, name="awaited approvals", daemon=True).start()

    def _stop_when_answered(self) -> None:
        while not self._closed.wait(LOOK_INTERVAL_S):
            with self._lock:
                self._awaited = {id_: until for id_, until in self._awaited.items() if self._is_open(id_, until)}
                if not self._awaited:
                    self._stop()
                    return

    def _is_open(self, connector_id: str, until: datetime) -> bool:
        connector = load_connector(self._installation.database, connector_id)
        return connector.status is Lifecycle.PENDING_SETUP and datetime.now(UTC) < until

    def _stop(self) -> None:
        if self._serving is not None:
            self._serving.close()
            self._serving = None
