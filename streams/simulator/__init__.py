"""A made-up contact centre: customers, bots, an entry IVR and teams, whose journeys go well or go wrong in known ways.

Everything follows from the seed. Each journey comes with the findings that a correct watch must come to, derived from
what the journey did wrong and not from what any watch found.

Modules: `cast` (who and what there is), `story` (how one journey is told), `ordinary` (journeys that go well),
`mishaps` (journeys that do not), `letdowns` (journeys whose parts do not agree), `centre` (many journeys, one after the
other or as live traffic).
"""

from streams.simulator.centre import ContactCentre, Delivery, SimulatedJourney
from streams.simulator.story import Expected

__all__ = ["ContactCentre", "Delivery", "Expected", "SimulatedJourney"]
