"""Pseudonyms: whoever holds the key can tell that two records are of one customer, nobody who the customer is."""

import hmac

__all__ = ["actor_pseudonym", "customer_pseudonym"]


def customer_pseudonym(key: bytes, customer: str) -> str:
    """Return ``c-`` and 24 hex digits of HMAC-SHA-256(key, customer): one customer is the same in every source."""
    return "c-" + hmac.digest(key, customer.encode(), "sha256").hex()[:24]


def actor_pseudonym(key: bytes, actor: str) -> str:
    """Return ``a-`` and 24 hex digits; an employee who is a customer too is not known by it."""
    return "a-" + hmac.digest(key, b"actor\x00" + actor.encode(), "sha256").hex()[:24]
