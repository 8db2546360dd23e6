"""What can be wrong with a call that names a customer or a mind.

UsageError
├── CustomerExists, CustomerNotFound
├── MindExists, MindNotFound
├── TokenNotFound
├── NoActiveMind     no mind was named, and the caller has not switched to one
└── InvalidMind      a name, kind or domain that can't be used
"""

from coppermind_pipeline.errors import UsageError


class CustomerExists(UsageError):
    """A customer of this name exists."""

    code = "customer_exists"


class CustomerNotFound(UsageError):
    """There is no such customer."""

    code = "customer_not_found"


class MindExists(UsageError):
    """A mind of this name exists."""

    code = "mind_exists"


class MindNotFound(UsageError):
    """There is no such mind."""

    code = "mind_not_found"


class TokenNotFound(UsageError):
    """There is no such access token."""

    code = "token_not_found"
    hint = "The list of tokens shows each with its first characters (`coppermind tokens list`)."


class NoActiveMind(UsageError):
    """No mind is active."""

    code = "no_active_mind"


class InvalidMind(UsageError):
    """A mind can't be described so."""

    code = "invalid_mind"
