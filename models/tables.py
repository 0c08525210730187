"""The database's tables, for SQLite and PostgreSQL alike. Migrations make them; a test holds the two equal.

Times are aware datetimes in UTC: ``timestamptz`` in PostgreSQL, in SQLite text of fixed width
(``2026-03-02T09:14:05.120000Z``), which sorts, compares and reads as what it is and is understood by SQLite's date
functions. Either gives the same microsecond back. Text has no declared length: what arrives is validated before, and
an index entry of PostgreSQL holds 2,704 bytes at most, so nothing longer than one identifier is indexed as it is.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeEngine

__all__ = [
    "UtcDateTime", "alert_changes", "alerts", "api_tokens", "back_tests", "briefs", "console_audit", "contact_marks", "customer_aliases", "customers",
    "day_counts", "dead_letter_acts", "dead_letters", "deliveries", "ended_scores", "finding_days", "findings", "forgotten_customers", "forgotten_keys",
    "invitations", "login_links", "metadata", "observed", "place_days", "place_hits", "promises", "receivers", "rollups", "score_history", "scores",
    "sessions", "stream_progress", "users", "utc_text",
]  # fmt: skip

_JSON = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime that comes back in UTC to the microsecond, whatever the database."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return ``timestamptz`` for PostgreSQL, text for all others."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return what the driver stores. Raises ``ValueError`` for a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected an aware time, got a naive one")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else utc_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the time in UTC."""
        if value is None:
            return None
        read: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return read.astimezone(UTC)


def utc_text(time: datetime) -> str:
    """Return a time in UTC as SQLite holds it."""
    return time.isoformat("T", "microseconds")[:26] + "Z"


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

findings = Table(
    "findings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("detector", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("journey", Text),
    Column("contact", Text),
    Column("seam_from", Text),
    Column("seam_to", Text),
    Column("field", Text),
    Column("team", Text, comment="where it was asked again, else where it was first; as the column that follows"),
    Column("channel", Text),
    Column("summary", Text, comment="of the body, where words are looked for"),
    Column("time", UtcDateTime, nullable=False),
    Column("explained_by", Text),
    Column(
        "alert",
        Text,
        nullable=False,
        comment="the alert it belongs to; there is none while no finding of that key ever stood",
    ),
    Column("rule", Text, nullable=False),
    Column("rule_version", BigInteger, nullable=False),
    Column("rule_mode", Text, nullable=False),
    Column(
        "standing",
        Boolean,
        nullable=False,
        comment="counts for its alert: not withdrawn, not explained, not info, its rule on",
    ),
    Column("body", _JSON, nullable=False, comment="the finding without its revision"),
    Column("updated", UtcDateTime, nullable=False, comment="wall clock: when this revision was stored"),
    Index(None, "alert", "time"),
    Index(None, "customer", "time"),
    # What alerts are filtered, grouped and counted by is read from it alone. The rule comes first: PostgreSQL has each rule of an alert once, without sorting.
    Index("ix_findings_places", "alert", "standing", "rule", "channel", "team"),
    # Next to nothing to keep up, and enough to find what was stored lately, and one day's: PostgreSQL alone has such.
    # Summarised as they grow: what waits for a vacuum is read whole at every question.
    Index(None, "updated", postgresql_using="brin", postgresql_with={"autosummarize": "on"}).ddl_if(dialect="postgresql"),
    Index(None, "time", postgresql_using="brin", postgresql_with={"autosummarize": "on"}).ddl_if(dialect="postgresql"),
)

finding_days = Table(
    "finding_days",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("day", Text, nullable=False, comment="of the findings, UTC, such as 2026-03-02"),
    Column("detector", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("seam_from", Text, nullable=False, comment="empty: none, as in the two columns that follow"),
    Column("seam_to", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("silos", Text, nullable=False, comment="the JSON array"),
    Column("findings", BigInteger, nullable=False, comment="how many stand"),
    Column("weight", Double, nullable=False, server_default="0", comment="sum of moment weights, of customers whose revenue is not known"),
    Column("revenue", Double, nullable=False, server_default="0", comment="sum of moment weight x billed revenue, of all others"),
    PrimaryKeyConstraint("tenant", "day", "detector", "severity", "seam_from", "seam_to", "field", "silos"),
    Index(None, "day"),
)
"""Counts of standing findings by day, made from them when somebody asks (`sinks.insights`); of months that are over also by month: there day is 2026-03."""

place_days = Table(
    "place_days",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("day", Text, nullable=False, comment="of the findings, UTC"),
    Column("place", Text, nullable=False, comment="of the corridor: voice/billing, or a channel where nobody works"),
    Column("team", Text, nullable=False, comment="empty: none"),
    Column("face", Text, nullable=False, comment="sales or service"),
    Column("detector", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("findings", BigInteger, nullable=False, comment="how many stand"),
    PrimaryKeyConstraint("tenant", "day", "place", "team", "face", "detector", "severity"),
    Index(None, "day"),
)
"""Standing findings by day and by where they happened, made as `finding_days` is."""

place_hits = Table(
    "place_hits",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("contacts", BigInteger, nullable=False, comment="how many contacts had a finding there that stands"),
    PrimaryKeyConstraint("tenant", "day", "place"),
    Index(None, "day"),
)
"""How many contacts were hit, by day and place, made as `finding_days` is."""

customers = Table(
    "customers",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("billed", Double, comment="revenue as last told, in its currency"),
    Column("billed_currency", Text, comment="null: that of the installation; as the other one"),
    Column("forecast", Double),
    Column("forecast_currency", Text),
    Column("segment", Text),
    Column("satisfaction", Double, comment="mean of the last answers, 0..1"),
    Column("answers", BigInteger, nullable=False, comment="how many are known"),
    Column("seen", UtcDateTime, comment="of the newest touchpoint"),
    Column("state", _JSON, nullable=False, comment="what the observer knows of the customer"),
    Column("alias_of", Text, comment="the key of the customer whom this one stands for; null: for itself"),
    Column("partition", Integer, comment="of the touchpoints under this key; null: none were read"),
    Column("due", UtcDateTime, comment="when a rule of invitations may ask without a touchpoint; null: none does"),
    PrimaryKeyConstraint("tenant", "customer"),
    Index(None, "partition", "due"),
    Index(None, "billed_currency"),
    Index(None, "forecast_currency"),
)
"""What the role `insight` knows of each customer."""

day_counts = Table(
    "day_counts",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("day", Text, nullable=False, comment="of the touchpoints, UTC"),
    Column("kind", Text, nullable=False, comment="move, visit, promise, answer, refused, declined or late"),
    Column("name", Text, nullable=False, comment="from which place (empty: a journey begins); the team; what became of it; the pattern; the rule"),
    Column("other", Text, nullable=False, comment="to which place; sales or service; the metric; why not"),
    Column("count", BigInteger, nullable=False),
    Column("sum", Double, nullable=False, comment="of answers: of their shares of the scale"),
    PrimaryKeyConstraint("tenant", "day", "kind", "name", "other"),
    Index(None, "kind", "day"),
)
"""What the role `insight` counts of the touchpoints, by day and by month: there day is 2026-03."""

contact_marks = Table(
    "contact_marks",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="intent: a moment of truth; sales: a team sold in it"),
    Column("name", Text, nullable=False, comment="the intent; the team"),
    Column("customer", Text, comment="whose contact it is; null: noted before this was"),
    PrimaryKeyConstraint("tenant", "contact", "kind", "name"),
    Index(None, "customer"),
)
"""What is special about a contact."""

forgotten_keys = Table(
    "forgotten_keys",
    metadata,
    Column("digest", Text, primary_key=True, comment="SHA-256 of tenant/customer: nobody is to be named here"),
    Column("time", UtcDateTime, nullable=False, comment="what is not later is not to be known again"),
)
"""Whom the role `insight` has forgotten, for as long as the memory lasts: touchpoints of before may still arrive."""

forgotten_customers = Table(
    "forgotten_customers",
    metadata,
    Column("digest", Text, primary_key=True, comment="SHA-256 of tenant/customer: nobody is to be named here"),
    Column("kind", Text, primary_key=True, comment="on which topic that was told: alerts, briefs"),
    Column("source_offset", BigInteger, nullable=False, comment="in the customer's partition of touchpoints, of the record by which it was forgotten"),
    Column("time", UtcDateTime, nullable=False, comment="when that was noted"),
    Index(None, "time"),
)
"""Whom the worker has forgotten within the hour: a finding or a brief of before, which arrives late, is not stored; to be told so again changes nothing."""

invitations = Table(
    "invitations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("pattern", Text, nullable=False),
    Column("survey", Text, nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("body", _JSON, nullable=False),
    Index(None, "time"),
)
"""Whom somebody is to ask how it went, as on the topic of invitations."""

promises = Table(
    "promises",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("promise", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("made", UtcDateTime, comment="the latest time; null: only its end is known"),
    Column("due", UtcDateTime),
    Column("about", Text),
    Column("team", Text, comment="who promised"),
    Column("channel", Text),
    Column("contact", Text),
    Column("source", Text, comment="with the next: the touchpoint that made it"),
    Column("touchpoint", Text),
    Column("outcome", Text, comment="kept or cancelled; null: it is open"),
    Column("ended", UtcDateTime),
    Column("made_key", _JSON, comment="sort keys of that touchpoint, and of the latest one of all"),
    Column("last_key", _JSON),
    PrimaryKeyConstraint("tenant", "promise", "customer"),
    Index(None, "customer"),
    Index("ix_promises_open", "due", sqlite_where=text("outcome IS NULL"), postgresql_where=text("outcome IS NULL")),
    Index(None, "outcome", "due"),
)
"""What the role `insight` knows of each promise."""

back_tests = Table(
    "back_tests",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("time", UtcDateTime, nullable=False, comment="wall clock: when it ended"),
    Column("actor", Text, nullable=False),
    Column("tested", Text, nullable=False, comment="which rules"),
    Column("against", Text, nullable=False, comment="which others"),
    Column("touchpoints", BigInteger, nullable=False, comment="how many both judged"),
    Column("body", _JSON, nullable=False, comment="what would appear, vanish and change, as counts: of no customer"),
    Index(None, "time"),
)
"""Comparisons of two sets of rules that somebody kept."""

observed = Table(
    "observed",
    metadata,
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False, comment="what is before it has been counted"),
    Column("clock", UtcDateTime, comment="of the newest record, by its own time; null: none was read"),
    PrimaryKeyConstraint("topic", "partition"),
)
"""How far the role `insight` has come."""

rollups = Table(
    "rollups",
    metadata,
    Column("name", Text, primary_key=True, comment="the table that is made from others"),
    Column("refreshed", UtcDateTime, comment="wall clock: what was stored before is in it; null: nothing is"),
    Column("basis", Text, comment="the weights and rates that it was made with"),
    Column("mean", Double, comment="billed revenue of a customer, of those who are known; null: of none"),
    Column("valued", UtcDateTime, comment="wall clock: when that was"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("detector", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("seam_from", Text),
    Column("seam_to", Text),
    Column("state", Text, nullable=False),
    Column("resolution", Text, comment="why, while resolved"),
    Column(
        "seen_until",
        UtcDateTime,
        comment="while resolved or snoozed: last_seen as it was then; only what is later opens it again",
    ),
    Column(
        "judged_rules",
        _JSON,
        comment="of a false positive: {rule: version} as judged; the same version does not open it again",
    ),
    Column("severity", Text, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("occurrences", BigInteger, nullable=False),
    Column("assignee", Text),
    Column("version", BigInteger, nullable=False),
    Column("updated", UtcDateTime, nullable=False, comment="wall clock: when this version was stored"),
    Column("snoozed_until", UtcDateTime, comment="wall clock; null while snoozed: no time ends it"),
    Column(
        "snoozed_severity",
        Text,
        comment="while snoozed until it gets worse: severity as it was then; null: only time ends it",
    ),
    Column("duplicate_of", Text, comment="of a duplicate: key of the alert that is worked on instead"),
    Index(None, "last_seen", "key"),
    Index(None, "customer"),
    Index(None, "state", "updated"),
    Index(None, "updated"),
    # What facets are counted from, in the order in which they are: SQLite would sort all rows. PostgreSQL hashes them, and would pay with every update.
    Index(
        "ix_alerts_facets", "state", "detector", "severity", "assignee", "seam_from", "seam_to", sqlite_where=text("state != 'resolved'")
    ).ddl_if(dialect="sqlite"),
    Index(
        "ix_alerts_places", "key", "state", "detector", "severity", "assignee", "seam_from", "seam_to", sqlite_where=text("state != 'resolved'")
    ).ddl_if(dialect="sqlite"),
)

alert_changes = Table(
    "alert_changes",
    metadata,
    Column("alert", Text, ForeignKey("alerts.key"), nullable=False),
    Column("version", BigInteger, nullable=False, comment="the alert's version after the change"),
    Column("from_state", Text, comment="null: the alert began"),
    Column("to_state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("time", UtcDateTime, nullable=False, comment="wall clock"),
    Column("note", Text),
    Column("assignee", Text, comment="after the change, as the two columns that follow"),
    Column("snoozed_until", UtcDateTime),
    Column("duplicate_of", Text),
    Column("before", _JSON, comment="of an operator's change: what it replaced, for undo"),
    PrimaryKeyConstraint("alert", "version"),
)

scores = Table(
    "scores",
    metadata,
    Column(
        "key",
        Text,
        primary_key=True,
        comment="digest of the five columns that follow: two long names are too much for an index",
    ),
    Column("tenant", Text, nullable=False),
    Column("score", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("half_life", BigInteger, nullable=False, comment="seconds"),
    Column("value", Double, nullable=False, comment="0..100 at as_of; readers decay the components to their own now"),
    Column("samples", Double, nullable=False),
    Column("components", _JSON, nullable=False),
    Column("as_of", UtcDateTime, nullable=False),
    Column(
        "sequence",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="decides between two of one as_of: it grows with what they were made from",
    ),
    Column(
        "log_offset", BigInteger, nullable=False, comment="offset in the scores topic: decides between two of one as_of"
    ),
    Index(None, "scope", "score", "tenant"),
)

ended_scores = Table(
    "ended_scores",
    metadata,
    Column("key", Text, primary_key=True, comment="digest, as in scores: nobody is to be named here"),
    Column("as_of", UtcDateTime, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("log_offset", BigInteger, nullable=False, comment="offset in the scores topic of the record that ended it"),
)
"""Scores of which all was taken back, and as of when: one of before that, which a worker tells late, is no row of `scores`."""

score_history = Table(
    "score_history",
    metadata,
    Column("score", Text, nullable=False, comment="key of scores"),
    Column("hour", UtcDateTime, nullable=False, comment="wall clock, a whole hour: the figures are those of a moment in it"),
    Column("value", Double, nullable=False),
    Column("samples", Double, nullable=False),
    PrimaryKeyConstraint("score", "hour"),
    Index(None, "hour"),
)
"""Scores of entities once an hour, noted by workers that store (`sinks.scores.note_scores`)."""

briefs = Table(
    "briefs",
    metadata,
    Column("key", Text, primary_key=True, comment="digest of tenant and journey: two long names are too much for an index"),
    Column("tenant", Text, nullable=False),
    Column("journey", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("contact", Text),
    Column("occasion", Text, nullable=False),
    Column("to_team", Text),
    Column("time", UtcDateTime, nullable=False, comment="of the touchpoint that set it off: the latest brief of a journey stays"),
    Column("log_offset", BigInteger, nullable=False, comment="offset in the briefs topic: decides between two of one time"),
    Column("body", _JSON, nullable=False),
    Index(None, "customer"),
    Index(None, "journey"),
)

customer_aliases = Table(
    "customer_aliases",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("customer", Text, nullable=False, comment="whom it stands for; may be an alias itself"),
    Column("linked", UtcDateTime, nullable=False, comment="broker's time: when its timeline went there"),
    PrimaryKeyConstraint("tenant", "alias"),
    Index(None, "customer"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("topic", Text, nullable=False, comment="where the refused record was read"),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("time", UtcDateTime, nullable=False, comment="broker's time of the dead letter"),
    Column("letter_topic", Text, nullable=False, comment="where its bytes are, while the topic keeps them"),
    Column("letter_partition", Integer, nullable=False),
    Column("letter_offset", BigInteger, nullable=False),
    PrimaryKeyConstraint("topic", "partition", "offset"),
    Index(None, "time"),
)

stream_progress = Table(
    "stream_progress",
    metadata,
    Column("topic", Text, nullable=False, comment="what the sinks read"),
    Column("partition", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False, comment="of the newest record that is stored"),
    Column("appended", UtcDateTime, nullable=False, comment="broker's time of that record"),
    Column("stored", UtcDateTime, nullable=False, comment="wall clock: when it was stored"),
    PrimaryKeyConstraint("topic", "partition"),
)

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("password", Text, comment="its Argon2id hash; null: enters by links or a provider alone"),
    Column("subject", Text, unique=True, comment="digest of issuer and subject at an OpenID Connect provider; null: of none"),
    Column("role", Text, nullable=False),
    Column("teams", _JSON, comment="null: alerts of all teams, else of these alone"),
    Column("disabled", Boolean, nullable=False),
    Column("created", UtcDateTime, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True, comment="digest of what the browser holds"),
    Column("name", Text, ForeignKey("users.name"), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("seen", UtcDateTime, nullable=False, comment="to the minute"),
    Index(None, "name"),
)

login_links = Table(
    "login_links",
    metadata,
    Column("id", Text, primary_key=True, comment="digest of what the link holds; the row goes when it is used"),
    Column("name", Text, ForeignKey("users.name"), nullable=False),
    Column("expires", UtcDateTime, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("rights", _JSON, nullable=False),
    Column("teams", _JSON, comment="as of users"),
    Column("created", UtcDateTime, nullable=False),
    Column("seen", UtcDateTime, comment="to the minute"),
)

console_audit = Table(
    "console_audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("time", UtcDateTime, nullable=False, comment="wall clock"),
    Column("actor", Text, nullable=False, comment="as given where nobody was let in"),
    Column("act", Text, nullable=False),
    Column("target", Text),
    Column("detail", Text),
    Column("address", Text, comment="where it came from; null: the command line"),
    Index(None, "time"),
)

dead_letter_acts = Table(
    "dead_letter_acts",
    metadata,
    Column("topic", Text, nullable=False, comment="with the two that follow: the dead letter"),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("act", Text, nullable=False, comment="replayed: written back to its topic; viewed: shown unmasked"),
    Column("time", UtcDateTime, nullable=False, comment="wall clock"),
    Column("actor", Text, nullable=False),
    Column("because", Text, comment="why it was shown unmasked"),
    PrimaryKeyConstraint("topic", "partition", "offset", "act", "time"),
)

receivers = Table(
    "receivers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created", UtcDateTime, nullable=False, comment="wall clock: what was stored or told before is none of its business"),
    Column("since", UtcDateTime, nullable=False, comment="wall clock: alerts that changed before have been looked at"),
    Column("holder", Text, comment="the process that sends to it"),
    Column("held_until", UtcDateTime, comment="wall clock: then another process may"),
)
"""Who is told, as far as the role `deliver` has come with each."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True, comment="the webhook-id: digest of receiver, what, subject and version"),
    Column("receiver", Text, nullable=False),
    Column("what", Text, nullable=False, comment="alert or brief"),
    Column("subject", Text, nullable=False, comment="the alert's key; of a brief, digest of tenant and journey"),
    Column("version", BigInteger, nullable=False, comment="the alert's; of a brief, its offset: never an older one after a newer one"),
    Column("tenant", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("state", Text, nullable=False, comment="pending, failed (waits for its next try), delivered, dead or superseded"),
    Column("tries", Integer, nullable=False),
    Column("created", UtcDateTime, nullable=False, comment="wall clock, as the times that follow"),
    Column("queued", UtcDateTime, nullable=False, comment="when it was created, or last replayed"),
    Column("due", UtcDateTime, nullable=False, comment="while pending or failed: not tried before"),
    Column("updated", UtcDateTime, nullable=False),
    Column("error", Text, comment="why it was not delivered, last"),
    Column("body", _JSON, nullable=False),
    Index(None, "receiver", "state", "due"),
    Index(None, "subject"),
    Index(None, "tenant", "customer"),
    Index(None, "updated"),
)
