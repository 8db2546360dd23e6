"""What HubSpot's token endpoints answer, checked before any of it is used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, SecretStr, StringConstraints, ValidationError

from coppermind_pipeline.hubspot.http.answers import decoded

# HubSpot's access tokens live for half an hour; beyond a year it is no lifetime.
LIFETIME_MAX_S = 366 * 86_400
TOKEN_CHARACTERS_MAX = 16_000
NAME_CHARACTERS_MAX = 200
ID_MAX = 2**63 - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Grant:
    """What the token endpoint issued.

    Attributes:
        refresh_token: None where HubSpot sent none: the one in use stays valid.
        expires_in_s: life of the access token.
        hub_id: the portal; always there after an exchange, None where a refresh did not repeat it.
        scopes: granted ones, `oauth` and others beside those asked for; likewise empty only after a refresh.
    """

    access_token: SecretStr
    refresh_token: SecretStr | None
    expires_in_s: int
    hub_id: int | None
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Introspection:
    """What HubSpot knows about a token; only `active` is sure to be there.

    Attributes:
        is_user_level: the app is installed for one user: the token opens what that user may see, and no more.
    """

    active: bool
    hub_id: int | None
    hub_domain: str | None
    user: str | None
    user_id: int | None
    scopes: frozenset[str]
    expires_in_s: int | None
    is_user_level: bool


class Unreadable(ValueError):
    """An answer is not what HubSpot documents; says which field, and nothing that the answer holds."""


def read_grant(content: bytes) -> Grant:
    """Read the answer to an exchange or a refresh; raises Unreadable."""
    answer = _read(content, _TokenAnswer.model_validate)
    return Grant(
        access_token=SecretStr(answer.access_token),
        refresh_token=SecretStr(answer.refresh_token) if answer.refresh_token else None,
        expires_in_s=answer.expires_in,
        hub_id=answer.hub_id,
        scopes=answer.scopes,
    )


def read_introspection(content: bytes) -> Introspection:
    """Read the answer about a token; raises Unreadable."""
    answer = _read(content, _IntrospectionAnswer.model_validate)
    return Introspection(
        active=answer.active,
        hub_id=answer.hub_id,
        hub_domain=answer.hub_domain,
        user=answer.user,
        user_id=answer.user_id,
        scopes=answer.scopes,
        expires_in_s=answer.expires_in,
        is_user_level=answer.is_user_level,
    )


def _whole(value: Any) -> Any:
    # A truth value counts as 1 for pydantic.
    if isinstance(value, bool):
        msg = "not a number"
        raise ValueError(msg)  # noqa: TRY004 - pydantic takes no other
    return value


def _listed(value: Any) -> Any:
    # A list in HubSpot's answers; one text in the OAuth standard.
    return value.split() if isinstance(value, str) else value or ()


# The characters that RFC 6749 gives to tokens and scopes: no blanks, no control characters, nothing beyond ASCII.
_Token = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=TOKEN_CHARACTERS_MAX)]
_Id = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=ID_MAX)]
_Lifetime = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=LIFETIME_MAX_S)]
_Scopes = Annotated[
    frozenset[_Token], BeforeValidator(_listed), Field(validation_alias=AliasChoices("scopes", "scope"))
]
_Name = Annotated[str, StringConstraints(pattern=r"^\P{C}*$", max_length=NAME_CHARACTERS_MAX)]


class _TokenAnswer(BaseModel):
    access_token: _Token
    refresh_token: _Token | None = None
    expires_in: _Lifetime
    hub_id: _Id | None = None
    scopes: _Scopes = frozenset()


class _IntrospectionAnswer(BaseModel):
    active: bool
    hub_id: _Id | None = None
    hub_domain: _Name | None = None
    user: _Name | None = None
    user_id: _Id | None = None
    scopes: _Scopes = frozenset()
    # Of a token that is about to expire: 0, or what is past.
    expires_in: Annotated[int, BeforeValidator(_whole), Field(ge=-LIFETIME_MAX_S, le=LIFETIME_MAX_S)] | None = None
    is_user_level: Annotated[bool, Field(validation_alias=AliasChoices("isUserLevel", "is_user_level"))] = False


def _read(content: bytes, read: Callable[[Mapping[str, Any]], T]) -> T:
    # Without the causes: they carry the answer, which may hold a token.
    try:
        data = decoded(content)
    except ValueError:
        raise Unreadable("it is no JSON") from None
    if not isinstance(data, dict):
        raise Unreadable("it is no JSON object")
    try:
        return read(data)
    except ValidationError as error:
        # The first part of a place is the field; further ones may be the answer's own words.
        reasons = {
            str(e["loc"][0]): "is missing" if e["type"] == "missing" else "is not usable" for e in error.errors()
        }
        raise Unreadable(", ".join(f"{field} {reason}" for field, reason in reasons.items())) from None
