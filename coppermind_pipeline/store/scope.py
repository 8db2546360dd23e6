"""Whose rows a piece of work is about."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Scope:
    """One connector and its mind: each row of a connector carries both, as one key.

    Attributes:
        connector_id: `:connector` in statements.
        mind_id: `:mind` in statements.
    """

    connector_id: str
    mind_id: UUID

    def values(self, **more: Any) -> dict[str, Any]:
        """Return the values of a statement's `:connector` and `:mind`, and more of them."""
        return {"connector": self.connector_id, "mind": self.mind_id, **more}
