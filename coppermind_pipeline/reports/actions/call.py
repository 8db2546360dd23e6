"""What an action of the `memory` tool is given beside its arguments, and what every answer of one must be."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from coppermind_pipeline.accounts import Caller, Mind
from coppermind_pipeline.memories import Memory
from coppermind_pipeline.reports.live import Refresh
from coppermind_pipeline.reports.trust.block import TrustBlock, trust_block
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import ToolArgumentError

ANSWER_BYTES_MAX = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Where, when and for whom a call is answered; `about` and `caller` are those that it was made with."""

    database: Database
    about: Mind | None
    caller: Caller | None
    now: datetime
    refresh: Refresh | None

    @property
    def mind(self) -> Mind:
        """The mind that the call is about; raises ToolArgumentError where none was named."""
        if self.about is None:
            raise ToolArgumentError("This action needs a mind.", hint="Name one.")
        return self.about

    def trust(self, found: Collection[Memory] = (), *, connector_id: str | None = None) -> TrustBlock:
        """Return the trust block for the connectors of the memories; of all, where there is none to speak of.

        Args:
            connector_id: the one that was asked about, whatever was found.

        Raises:
            ConnectorNotFound: the mind has no such connector.
        """
        found_of = {memory.provenance.connector_id for memory in found}
        connector_ids = ({connector_id} if connector_id is not None else found_of) or None
        with self.database.mind(self.mind.id) as connection:
            return trust_block(connection, mind=self.mind, now=self.now, connector_ids=connector_ids)


def fits(answer: BaseModel) -> bool:
    """Return whether an answer is as small as every answer must be, as JSON."""
    return len(answer.model_dump_json().encode()) < ANSWER_BYTES_MAX
