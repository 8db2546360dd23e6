"""What all answers about connectors have in common; the JSON schema of these models is the tool's documentation."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Instant = Annotated[datetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class Response(BaseModel):
    """An answer; times are RFC 3339 in UTC."""

    model_config = ConfigDict(frozen=True)

    def as_response(self) -> dict[str, Any]:
        """Return the answer as every interface shows it."""
        return self.model_dump(mode="json")


class AboutConnector(Response):
    """An answer about one connector names it, and the mind that it is pinned to."""

    connector_id: str = Field(description="the connector")
    mind: str = Field(description="name of the mind that the connector is pinned to")
    mind_id: UUID = Field(description="id of that mind")
