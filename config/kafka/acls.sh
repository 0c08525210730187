#!/bin/sh
# The least that each user of the program needs of Kafka, each line of them: tests/real/test_least_privilege.py takes one away at a time.
#   BOOTSTRAP=kafka:9093 CONFIG=admin.properties sh config/kafka/acls.sh
# Write your own PREFIX (SEAMWATCH_PREFIX) and principals. Brokers before 3.0 want IdempotentWrite on the cluster besides, of whoever writes.
set -eu
PREFIX=${PREFIX:-seamwatch}

allow() { kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$CONFIG" --add --allow-principal "$@"; }

# setup: `seamwatch topics create|check`, before each update.
allow User:seamwatch-setup --operation Create --operation Describe --operation DescribeConfigs --topic "$PREFIX." --resource-pattern-type prefixed

# worker: `seamwatch worker`, all of its usual roles. A topic of others (SEAMWATCH_SOURCE_TOPICS__...) takes a line for Read of its own.
allow User:seamwatch-worker --operation Read --operation DescribeConfigs --topic "$PREFIX." --resource-pattern-type prefixed
allow User:seamwatch-worker --operation Write --topic "$PREFIX.touchpoints"
allow User:seamwatch-worker --operation Write --topic "$PREFIX.alerts"
allow User:seamwatch-worker --operation Write --topic "$PREFIX.briefs"
allow User:seamwatch-worker --operation Write --topic "$PREFIX.scores"
allow User:seamwatch-worker --operation Write --topic "$PREFIX.tallies"
allow User:seamwatch-worker --operation Write --topic "$PREFIX.watch-changelog"
allow User:seamwatch-worker --operation Write --topic "$PREFIX.dead-letters"
allow User:seamwatch-worker --operation Read --group "$PREFIX"
allow User:seamwatch-worker --operation Read --group "$PREFIX.paused"

# ingest: `seamwatch worker --roles ingest`.
allow User:seamwatch-ingest --operation DescribeConfigs --operation Describe --topic "$PREFIX." --resource-pattern-type prefixed
allow User:seamwatch-ingest --operation Write --topic "$PREFIX.raw." --resource-pattern-type prefixed

# insight: `seamwatch worker --roles insight`.
allow User:seamwatch-insight --operation DescribeConfigs --operation Describe --topic "$PREFIX." --resource-pattern-type prefixed
allow User:seamwatch-insight --operation Read --topic "$PREFIX.touchpoints"
allow User:seamwatch-insight --operation Write --topic "$PREFIX.invitations"
allow User:seamwatch-insight --operation Read --group "$PREFIX.insight"

# deliver: `seamwatch worker --roles deliver`, where a receiver wants briefs; of alerts it needs nothing of Kafka.
allow User:seamwatch-deliver --operation DescribeConfigs --operation Describe --topic "$PREFIX." --resource-pattern-type prefixed
allow User:seamwatch-deliver --operation Read --topic "$PREFIX.briefs"
allow User:seamwatch-deliver --operation Read --group "$PREFIX.deliver"

# console: `seamwatch console`, to reveal what was said (SEAMWATCH_CONSOLE_REVEAL) and to forget customers; it needs nothing of Kafka else.
allow User:seamwatch-console --operation Read --operation Write --topic "$PREFIX.touchpoints"

# doctor: `seamwatch doctor`, and KEDA, which scales workers by lag.
allow User:seamwatch-doctor --operation DescribeConfigs --operation Describe --topic "$PREFIX." --resource-pattern-type prefixed
allow User:seamwatch-doctor --operation Describe --group "$PREFIX"
allow User:seamwatch-doctor --operation Describe --group "$PREFIX.insight"
allow User:seamwatch-doctor --operation Describe --group "$PREFIX.deliver"
allow User:seamwatch-doctor --operation Describe --group "$PREFIX.paused"
