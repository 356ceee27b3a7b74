-- How far the chain had come at its last checkpoint. It only spares saying the same again: what is believed
-- is on the topic audit.sealed, under a seal whose key isn't in the database.

ALTER TABLE audit_head ADD COLUMN sealed bigint NOT NULL DEFAULT 0;
