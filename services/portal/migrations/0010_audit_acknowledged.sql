-- Breaks that an operator has acknowledged, as the last walk along the chain has read them from the topic;
-- and the newest checkpoint that came back from the broker, which the page tells the age of.

ALTER TABLE audit_check ADD COLUMN acknowledged jsonb NOT NULL DEFAULT '[]';
ALTER TABLE audit_head ADD COLUMN heard bigint NOT NULL DEFAULT 0;
ALTER TABLE audit_head ADD COLUMN heard_at timestamptz;
