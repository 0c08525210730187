"""Where it goes: the database, its alerts, the metrics and the port that shows them. Nothing is detected here, and
nothing is known of how records flow.
"""

__all__: list[str] = []
