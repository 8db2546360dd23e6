"""The three kinds of CRM record that the product reads, under the words that all its interfaces use."""

from enum import StrEnum


class ObjectType(StrEnum):
    """An object type; its value is the word in JSON, configuration, commands, source refs, columns and paths."""

    CONTACTS = "contacts"
    COMPANIES = "companies"
    DEALS = "deals"
