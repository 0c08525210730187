"""The report that a manager reads: figures of a period from the database, and one page without scripts that shows them."""

from sinks.report.figures import Figures, Nothing, collect
from sinks.report.page import Words, page

__all__ = ["Figures", "Nothing", "Words", "collect", "page"]
