"""The files that `seamwatch sources new` writes: a mapping to change, with its case, and a sample."""

__all__ = ["MAPPING", "SAMPLE"]

MAPPING = """\
# NAME: what it is. docs/sources.md explains every key.

format: json                 # json: one object a line; csv: rows; lines: text with a separator
source: NAME
about:
  sends: What the vendor sends, and how it gets into the raw topic.
  cannot: What it cannot tell.
  unproven: What is known from documents alone.
  feeds: [ping_pong]         # the detectors that it is enough for: `seamwatch sources try` tells

# Where things stand in a record, in JMESPath. Customers and agents become pseudonyms.
id: event_id                 # without it, the SHA-256 of the record
customer: customer_id
contact: call_id
channel: voice               # or {path: media, lookup: channels}
time: {path: at, unit: s}    # iso, s, ms, us

lookups:
  teams: {"12": sales}

records:                     # the first that fits; a record that fits none is refused and counted
  - when: event == 'answered'
    actor: {kind: agent, team: {path: queue, lookup: teams, keep: true}, id: agent}
    touchpoints:
      - type: contact.answered
  - when: event == 'said'
    actor: {kind: customer}
    touchpoints:
      - type: message
        data: {text: words}
  - when: event == 'ping'
    touchpoints: []          # known, and nothing to us

# A raw record and what it must become; `seamwatch sources try ./NAME.yaml` plays them.
cases:
  - case: Sales answers
    raw: {event_id: 1, event: answered, customer_id: 7, call_id: k-1, at: 1772442840, queue: 12, agent: ann}
    touchpoints:
      - {id: 1/0, type: contact.answered, time: "2026-03-02T09:14:00.000000Z", contact: k-1, actor: {kind: agent, team: sales}}
  - case: A ping
    raw: {event: ping}
    touchpoints: []
"""

SAMPLE = """\
{"event_id": 1, "event": "answered", "customer_id": 7, "call_id": "k-1", "at": 1772442840, "queue": 12, "agent": "ann"}
{"event_id": 2, "event": "said", "customer_id": 7, "call_id": "k-1", "at": 1772442850, "words": "My parcel is late"}
{"event_id": 3, "event": "answered", "customer_id": 7, "call_id": "k-1", "at": 1772442900, "queue": "service", "agent": "bob"}
{"event_id": 4, "event": "answered", "customer_id": 7, "call_id": "k-1", "at": 1772443000, "queue": 12, "agent": "ann"}
"""
