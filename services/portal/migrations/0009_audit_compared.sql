-- When the last checkpoint was made (they have a pace), and with what the last walk along the chain
-- compared it; the first walk after the start writes that anew.

ALTER TABLE audit_head ADD COLUMN sealed_at timestamptz;

ALTER TABLE audit_check ADD COLUMN compared bigint NOT NULL DEFAULT 0;
ALTER TABLE audit_check ADD COLUMN trouble text NOT NULL DEFAULT '';
DELETE FROM audit_check;
