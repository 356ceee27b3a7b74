-- From where an action was asked for (a network, never an address), and what the last walk along the
-- whole chain has found.

ALTER TABLE audit ADD COLUMN origin text NOT NULL DEFAULT '';
CREATE INDEX audit_by_actor ON audit (actor, position DESC);

CREATE TABLE audit_check (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    checked_at  timestamptz NOT NULL,
    entries     bigint NOT NULL,
    broken      jsonb NOT NULL
);
