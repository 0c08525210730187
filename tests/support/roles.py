"""The database's roles as an installation has them, whom `seamwatch db upgrade --grants` gives what they need."""

from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg.errors import DuplicateObject
from sqlalchemy.engine import make_url

__all__ = ["CONSOLE", "DELIVER", "DOCTOR", "INSIGHT", "OWNER", "PARTS", "ROLES", "WORKER", "address_of", "make_roles"]

ROLES = Path(__file__).parents[2] / "config" / "postgres" / "roles.sql"
OWNER = "seamwatch_owner"
PARTS = WORKER, INSIGHT, DELIVER, CONSOLE, DOCTOR = ("seamwatch_worker", "seamwatch_insight", "seamwatch_deliver", "seamwatch_console", "seamwatch_doctor")
"""Who is granted something; the owner has it."""


def make_roles(url: str) -> None:
    """Make the roles, and hand a database without tables to its owner."""
    name = make_url(url).database
    with psycopg.connect(_libpq(url), autocommit=True) as connection:
        for role in (OWNER, *PARTS):
            with suppress(DuplicateObject):  # a role is of the whole server
                connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"ALTER DATABASE {name} OWNER TO {OWNER}")
        connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        connection.execute(f"GRANT TEMPORARY ON DATABASE {name} TO {WORKER}")
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {', '.join(PARTS)}")


def address_of(url: str, role: str) -> str:
    """Return the address of a database for another role."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)


def _libpq(url: str) -> str:
    return url.replace("+psycopg", "")
