-- What became of e-mails, as their servers reported it. 'applied': the delivery knows.
CREATE TABLE mail_report (
    delivery_id  uuid NOT NULL REFERENCES delivery,
    company_id   uuid NOT NULL,
    recipient    text NOT NULL,
    fate         text NOT NULL CHECK (fate IN ('delivered', 'failed', 'delayed')),
    hard         boolean NOT NULL,
    words        text NOT NULL,
    received_at  timestamptz NOT NULL,
    applied      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (delivery_id, recipient, fate)
);
CREATE INDEX mail_report_unapplied ON mail_report (delivery_id) WHERE NOT applied;
SELECT protect_tenant('mail_report');

-- 'bounced': the mail server had taken it, and it came back.
ALTER TABLE delivery DROP CONSTRAINT delivery_state_check;
ALTER TABLE delivery ADD CONSTRAINT delivery_state_check CHECK (state IN ('waiting', 'due', 'leased',
    'sending', 'unknown', 'settling', 'delivered', 'exhausted', 'refused', 'undecided', 'cancelled', 'bounced'));
-- What a report or a person says about an attempt stands with it.
ALTER TABLE attempt DROP CONSTRAINT attempt_kind_check;
ALTER TABLE attempt ADD CONSTRAINT attempt_kind_check CHECK (kind IN ('send', 'settle', 'report', 'decision'));
