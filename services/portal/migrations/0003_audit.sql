-- Every change anywhere, in the order in which it was heard, each row bound to the one before it.
-- Rows hold ids, never names or addresses of persons: erasing a person's data breaks no link.

CREATE TABLE audit (
    position     bigint PRIMARY KEY,
    event_id     uuid NOT NULL UNIQUE,
    happened_at  timestamptz NOT NULL,
    company_id   uuid,
    actor        text NOT NULL,
    action       text NOT NULL,
    subject      text NOT NULL,
    trace_id     text NOT NULL,
    detail       jsonb NOT NULL,
    hash         bytea NOT NULL
);
CREATE INDEX audit_of_company ON audit (company_id, position DESC);
CREATE INDEX audit_of_subject ON audit (subject, position);

-- The end of the chain: tells a chain that was cut short from a whole one.
CREATE TABLE audit_head (
    only_one  boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    position  bigint NOT NULL,
    hash      bytea NOT NULL
);
INSERT INTO audit_head (position, hash) VALUES (0, '\x');

CREATE OR REPLACE FUNCTION immutable_tables() RETURNS TABLE (table_name text, privileges text)
LANGUAGE sql AS $$ SELECT 'audit', 'UPDATE, DELETE' $$;
