-- While the breaker of an endpoint is open, what is due to it is parked: claiming never meets it.
ALTER TABLE delivery ADD COLUMN parked_at timestamptz;
CREATE INDEX delivery_claimable ON delivery (channel, next_attempt_at)
    WHERE state IN ('due', 'unknown') AND parked_at IS NULL;
CREATE INDEX delivery_behind ON delivery (endpoint, next_attempt_at)
    WHERE state IN ('due', 'unknown') AND parked_at IS NULL;
CREATE INDEX delivery_parked ON delivery (endpoint, parked_at)
    WHERE state IN ('due', 'unknown') AND parked_at IS NOT NULL;
CREATE INDEX delivery_parked_longest ON delivery (parked_at)
    WHERE state IN ('due', 'unknown') AND parked_at IS NOT NULL;
DROP INDEX delivery_due;

-- 'open_until' in the past: half open. Only its probe goes, and what becomes of that closes or reopens it.
ALTER TABLE endpoint ADD COLUMN openings int NOT NULL DEFAULT 0, ADD COLUMN probe uuid;
