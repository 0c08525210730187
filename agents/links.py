"""Records that workers write to one another on the topic of touchpoints: how a customer's other keys are taken in, and forgotten.

A link goes to the alias's partition as a `Claim`; its owner answers with the timeline (`Moved`), and sends on what comes later (`Forwarded`). Whoever reads the
topic for touchpoints alone passes over what begins with `INTERNAL`.
"""

import msgspec

__all__ = ["INTERNAL", "MAXIMUM_ALIASES", "MAXIMUM_CHAIN", "Claim", "Forget", "Forwarded", "Internal", "Moved", "encode_internal", "parse_internal"]

INTERNAL = b'{"seamwatch":'

MAXIMUM_CHAIN = 8
"""Links from the first alias to the customer."""

MAXIMUM_ALIASES = 200
"""Keys that one customer takes in: who has more is a device in a shop."""


class _Internal(msgspec.Struct, tag_field="seamwatch", tag=str.lower, frozen=True, kw_only=True):
    """What all have: ``offset`` is that of the record that they follow from, in the partition that sent them."""

    offset: int


class Claim(_Internal, frozen=True):
    """To an alias: ``customer`` is who you are."""

    customer: str


class Moved(_Internal, frozen=True):
    """To a customer: the timeline of ``alias`` as its row was at ``offset``, when its partition's clock was ``clock`` (microseconds UTC).

    ``path`` holds the keys that it came by, the alias first.
    """

    alias: str
    clock: int
    chunks: list[bytes]
    path: list[str]


class Forwarded(_Internal, frozen=True):
    """To a customer: a touchpoint that came for an alias, and the keys that it came by."""

    path: list[str]
    touchpoint: msgspec.Raw


class Forget(_Internal, frozen=True):
    """To an alias: the customer is forgotten, with all that is not later than ``time`` (microseconds UTC)."""

    time: int


Internal = Claim | Moved | Forwarded | Forget

encode_internal = msgspec.json.Encoder().encode
parse_internal = msgspec.json.Decoder(Internal).decode
"""Read a record that begins with `INTERNAL`; raises ``msgspec.MsgspecError``."""
