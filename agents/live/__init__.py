"""The live agents: what a worker does with every batch, a dozen lines each. How batches come and go is the business of `streams`."""

from agents.live.normalise import normalise
from agents.live.score import score
from agents.live.sink import sink
from agents.live.watch import watch

__all__ = ["normalise", "score", "sink", "watch"]
