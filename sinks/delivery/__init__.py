"""Telling others: what is sent of an alert or a brief, to whom, how often it is tried, and what became of it.

A delivery is a row before it is a request, and its id is the same in every try: at least once, never lost.
"""

from sinks.delivery.courier import Courier, CourierFigures
from sinks.delivery.messages import Message, alert_message, brief_message
from sinks.delivery.sending import Post, Poster
from sinks.delivery.store import Delivery, DeliveryState, DeliveryStore

__all__ = [
    "Courier", "CourierFigures", "Delivery", "DeliveryState", "DeliveryStore", "Message", "Post", "Poster", "alert_message", "brief_message",
]  # fmt: skip
