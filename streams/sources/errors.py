"""What can be wrong with a source's files and records."""

__all__ = ["Unmappable", "Unreadable"]


class Unreadable(Exception):
    """The file breaks off or is of another format: a sentence that says where. What came before it was read."""


class Unmappable(Exception):
    """One record cannot become touchpoints: a sentence that says why, and holds no value of the record."""
