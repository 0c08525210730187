"""One customer under many keys: streams that are scattered over aliases and linked, and as one who knew the customer from the start has them."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

__all__ = ["from_the_start", "link", "scattered"]

Json = dict[str, Any]


def link(number: int, customer: str, other: str, time: str, **more: Any) -> Json:
    """Make a touchpoint that says that ``other`` is ``customer``."""
    return {
        "id": f"link-{number}-{customer}-{other}", "source": "crm", "type": "identity.linked", "time": time, "customer": customer,
        "channel": "web", "actor": {"kind": "system"}, "data": {"other": other, "by": "login"},
    } | more  # fmt: skip


def scattered(touchpoints: Sequence[Json], chance: random.Random, aliases: int) -> list[Json]:
    """Give each customer so many aliases, in a chain, a star or between, and each of its touchpoints one of the keys; say so by links, anywhere."""
    found = []
    for tenant, customer in sorted({(each.get("tenant", "default"), each["customer"]) for each in touchpoints}):
        mine = [each for each in touchpoints if (each.get("tenant", "default"), each["customer"]) == (tenant, customer)]
        keys = [customer, *(f"{customer}-v{number}" for number in range(aliases))]
        parents = [chance.choice((0, number, chance.randrange(number + 1))) for number in range(aliases)]
        owner = {(each["source"], each["id"]): chance.choice(keys) for each in mine}  # a source sends an id under one key alone
        found += [each | {"customer": owner[each["source"], each["id"]]} for each in mine]
        for number, parent in enumerate(parents):
            time = datetime.fromisoformat(chance.choice(mine)["time"]) + timedelta(microseconds=number + 1)
            made = link(number, keys[parent], keys[number + 1], time.isoformat(), tenant=tenant)
            found.insert(chance.randrange(len(found) + 1), made)
            if chance.random() < 0.3:
                found.insert(chance.randrange(len(found) + 1), made)
    return found


def from_the_start(touchpoints: Sequence[Json]) -> list[Json]:
    """Return the stream with every touchpoint under the customer that its key came to stand for.

    The first link of an alias counts, and none that closes a circle.
    """
    stands_for: dict[tuple[str, str], str] = {}

    def customer(tenant: str, name: str) -> str:
        while (tenant, name) in stands_for:
            name = stands_for[tenant, name]
        return name

    for each in touchpoints:
        if each["type"] == "identity.linked":
            tenant, other = each.get("tenant", "default"), each["data"]["other"]
            root = customer(tenant, each["customer"])
            if (tenant, other) not in stands_for and root != other:
                stands_for[tenant, other] = root
    return [each | {"customer": customer(each.get("tenant", "default"), each["customer"])} for each in touchpoints]
