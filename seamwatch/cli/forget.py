"""`seamwatch forget`: a customer's right to be forgotten."""

import click

from seamwatch.errors import Failed
from seamwatch.parameters import acting_person
from seamwatch.terminal import count, notice


@click.command
@click.argument("customer")
@click.option("--tenant", default="default", show_default=True, help="Whose customer it is.")
@click.option("--actor", help="Who asks for it, for the audit.  [default: who is logged in]")
@click.option("--wait", default=60.0, show_default=True, type=click.FloatRange(0), help="Seconds to wait until the database holds nothing any more.")
@click.confirmation_option(prompt="Timeline, findings, alerts and briefs of this customer will be gone for good. Go on?")
def command(customer: str, tenant: str, actor: str | None, wait: float) -> None:
    """Forget CUSTOMER under every key.

    CUSTOMER is given as the database names it or as the mapping of its source makes it.

    State, findings, alerts, scores, briefs and aliases go at once; what arrives later and is older than now is not taken
    in; sums of teams and counts by day stay, they name nobody. Topics keep what they hold until their retention ends.
    Where SEAMWATCH_CUSTOMER_KEY is set, the pseudonym of CUSTOMER is forgotten, too.

    \b
      seamwatch forget c-1007
      seamwatch forget chatwoot/4711 --tenant acme --yes --actor privacy-desk
    """
    from config.settings import load_settings
    from seamwatch.broker import reachable
    from seamwatch.database import opened
    from seamwatch.forgetting import forget, is_forgotten, keys_of
    from sinks.identity import is_known

    settings, who = load_settings(), acting_person(actor)
    with opened(settings) as engine, reachable(settings):
        customers = keys_of(engine, tenant, customer, None if settings.customer_key is None else settings.require_customer_key())
        if not customers:
            raise Failed("an address or a number that a person is reached at is nobody's key: set SEAMWATCH_CUSTOMER_KEY, under which it has a pseudonym")
        if not any(is_known(engine, tenant, each) for each in customers):
            notice(
                "The database knows nobody by this name. That is as it should be of a customer without a finding, and is also what a wrong name looks like: "
                "`customer:` in a mapping tells how its names are made (chatwoot/4711, tel:+49301234567)."
            )
        forget(settings, engine, tenant, customers, who)
        notice(f"told to forget {count(len(customers), 'key')}")
        if not is_forgotten(engine, tenant, customers, wait):
            raise Failed(f"the database still held something after {wait:g} s: is a worker with the roles watch and sink running? It forgets when it does")
    notice("The database holds nothing of this customer.")
