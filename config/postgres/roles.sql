-- Who may do what in the database, the least of it: a role for each part. `seamwatch db upgrade --grants`, as the owner of the tables, runs it after each
-- change of them; by hand:
--   psql --file=config/postgres/roles.sql "$OWNERS_ADDRESS"
-- Once before, by who may make roles:
--   CREATE ROLE seamwatch_owner LOGIN; CREATE ROLE seamwatch_worker LOGIN; CREATE ROLE seamwatch_insight LOGIN; CREATE ROLE seamwatch_deliver LOGIN;
--   CREATE ROLE seamwatch_console LOGIN; CREATE ROLE seamwatch_doctor LOGIN;
--   CREATE DATABASE seamwatch OWNER seamwatch_owner; REVOKE CONNECT ON DATABASE seamwatch FROM PUBLIC;
--   GRANT CONNECT, TEMPORARY ON DATABASE seamwatch TO seamwatch_worker;
--   GRANT CONNECT ON DATABASE seamwatch TO seamwatch_insight, seamwatch_deliver, seamwatch_console, seamwatch_doctor;
--
-- seamwatch_owner    makes the tables, deletes what is old: `seamwatch db upgrade`, `seamwatch db prune`
-- seamwatch_worker   stores the stream: `seamwatch worker`
-- seamwatch_insight  knows customers: `seamwatch worker --roles insight`
-- seamwatch_deliver  tells of alerts and briefs: `seamwatch worker --roles deliver`
-- seamwatch_console  reads everything, acts on alerts: `seamwatch console`, and every command for people, such as `alerts`, `report`, `forget`
-- seamwatch_doctor   looks, and changes nothing: `seamwatch doctor`
-- The role ingest has nothing to do with the database.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM seamwatch_worker, seamwatch_insight, seamwatch_deliver, seamwatch_console, seamwatch_doctor;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM seamwatch_worker, seamwatch_insight, seamwatch_deliver, seamwatch_console, seamwatch_doctor;
GRANT USAGE ON SCHEMA public TO seamwatch_worker, seamwatch_insight, seamwatch_deliver, seamwatch_console, seamwatch_doctor;
GRANT SELECT ON alembic_version TO seamwatch_worker, seamwatch_insight, seamwatch_deliver, seamwatch_console, seamwatch_doctor;

-- worker: the stream
GRANT SELECT, INSERT, UPDATE, DELETE ON findings, alerts, scores, briefs, customer_aliases, forgotten_customers TO seamwatch_worker;
GRANT SELECT, INSERT, UPDATE ON dead_letters, ended_scores, stream_progress TO seamwatch_worker;
GRANT SELECT, INSERT, DELETE ON alert_changes, score_history TO seamwatch_worker;
-- what people did with an alias's alert moves to the customer's
GRANT UPDATE (alert, version) ON alert_changes TO seamwatch_worker;
-- who is forgotten is forgotten wherever something is stored; of these tables a worker sees no more than whose a row is
GRANT SELECT (tenant, customer), DELETE ON invitations, promises TO seamwatch_worker;
GRANT SELECT (tenant, customer, what, state, version), DELETE ON deliveries TO seamwatch_worker;
GRANT SELECT (tenant, customer, alias_of), DELETE ON customers TO seamwatch_worker;
GRANT SELECT (tenant, customer, contact), DELETE ON contact_marks TO seamwatch_worker;
GRANT SELECT ON forgotten_keys TO seamwatch_worker;

-- insight: customers and counts, with how far each partition was read
GRANT SELECT, INSERT, UPDATE, DELETE ON customers, promises, forgotten_keys TO seamwatch_insight;
GRANT SELECT, INSERT, DELETE ON contact_marks, invitations TO seamwatch_insight;
GRANT SELECT, INSERT, UPDATE ON day_counts, observed TO seamwatch_insight;

-- deliver: what it tells of, what it told, with how far the briefs were read
GRANT SELECT ON findings, alerts TO seamwatch_deliver;
GRANT SELECT, INSERT, UPDATE, DELETE ON deliveries TO seamwatch_deliver;
GRANT SELECT, INSERT, UPDATE ON receivers, observed TO seamwatch_deliver;

-- console: what the stream found is read, alerts are acted on, the audit only grows
GRANT SELECT ON findings, alerts, alert_changes, scores, ended_scores, score_history, briefs, customer_aliases, customers, contact_marks, invitations, day_counts, observed,
    dead_letters, dead_letter_acts, stream_progress, console_audit, rollups, finding_days, place_days, place_hits,
    deliveries, receivers, promises, back_tests, forgotten_keys, forgotten_customers TO seamwatch_console;
GRANT UPDATE ON alerts TO seamwatch_console;
-- `seamwatch deliveries replay`
GRANT UPDATE ON deliveries TO seamwatch_console;
GRANT INSERT ON alert_changes, dead_letter_acts, console_audit TO seamwatch_console;
GRANT USAGE ON SEQUENCE console_audit_id_seq TO seamwatch_console;
GRANT SELECT, INSERT, UPDATE, DELETE ON users, sessions, login_links, api_tokens TO seamwatch_console;
-- what `seamwatch replay --keep` compared
GRANT INSERT, DELETE ON back_tests TO seamwatch_console;
GRANT USAGE ON SEQUENCE back_tests_id_seq TO seamwatch_console;
-- counts by day, which are made when somebody asks
GRANT INSERT, UPDATE, DELETE ON rollups, finding_days, place_days, place_hits TO seamwatch_console;

-- doctor: how far all is; whether a worker may write it asks of the catalogue, which anybody may read
GRANT SELECT ON stream_progress TO seamwatch_doctor;
GRANT SELECT (receiver, state, queued, updated) ON deliveries TO seamwatch_doctor;
GRANT SELECT (name, holder, held_until) ON receivers TO seamwatch_doctor;
