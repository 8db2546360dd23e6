"""The people (and queues) to whom records belong, those who left too."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One owner; `id` is what `hubspot_owner_id` holds, and is not the user id."""

    id: str
    email: str
    first_name: str
    last_name: str
    user_id: int | None
    created: str
    updated: str
    archived: bool = False
    type: str = "PERSON"
    teams: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, Any]:
        """Spell it as the API does: who left has no user id any more, except as inactive."""
        document: dict[str, Any] = {
            "id": self.id,
            "email": self.email,
            "type": self.type,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userId": None if self.archived else self.user_id,
            "userIdIncludingInactive": self.user_id,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "archived": self.archived,
        }
        if self.teams:
            document["teams"] = [
                {"id": team, "name": name, "primary": n == 0} for n, (team, name) in enumerate(self.teams)
            ]
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Owner":
        """Read an owner as the API spells it; raises ValueError without an id."""
        if not document.get("id"):
            raise ValueError("an owner lacks its id")
        return cls(
            id=str(document["id"]),
            email=document.get("email") or "",
            first_name=document.get("firstName") or "",
            last_name=document.get("lastName") or "",
            user_id=document.get("userIdIncludingInactive") or document.get("userId"),
            created=document.get("createdAt", "1970-01-01T00:00:00Z"),
            updated=document.get("updatedAt", "1970-01-01T00:00:00Z"),
            archived=bool(document.get("archived", False)),
            type=document.get("type", "PERSON"),
            teams=tuple((team["id"], team["name"]) for team in document.get("teams", [])),
        )
