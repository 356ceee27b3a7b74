-- How customers receive, what is to be delivered, every attempt, and what arrives from the network.

CREATE TABLE reception (
    customer_id  uuid PRIMARY KEY,
    company_id   uuid NOT NULL,
    version      bigint NOT NULL
);
SELECT protect_tenant('reception');

-- One way a customer chose. Secrets (a password, a key) are sealed with the row's id.
CREATE TABLE reception_way (
    way_id       uuid PRIMARY KEY,
    customer_id  uuid NOT NULL,
    company_id   uuid NOT NULL,
    channel      text NOT NULL CHECK (channel IN ('email', 'sftp', 'ftps', 'peppol')),
    target       text NOT NULL,
    endpoint     text NOT NULL,
    route        jsonb NOT NULL,
    secrets      bytea
);
CREATE INDEX reception_way_of ON reception_way (customer_id);
SELECT protect_tenant('reception_way');

-- One row an issued invoice, for ever: a replay plans nothing twice. 'waiting': the customer's
-- reception settings haven't been heard of.
CREATE TABLE delivery_plan (
    invoice_id   uuid PRIMARY KEY,
    company_id   uuid NOT NULL,
    customer_id  uuid NOT NULL,
    state        text NOT NULL CHECK (state IN ('planned', 'waiting')),
    facts        jsonb NOT NULL,
    traceparent  text,
    cause        uuid NOT NULL,
    planned_at   timestamptz NOT NULL
);
CREATE INDEX delivery_plan_waiting ON delivery_plan (customer_id) WHERE state = 'waiting';
SELECT protect_tenant('delivery_plan');

CREATE TABLE document (
    invoice_id  uuid NOT NULL,
    role        text NOT NULL CHECK (role IN ('original', 'readable')),
    company_id  uuid NOT NULL,
    name        text NOT NULL,
    media_type  text NOT NULL,
    sha256      text NOT NULL,
    content     bytea NOT NULL,
    PRIMARY KEY (invoice_id, role)
);
SELECT protect_tenant('document');

CREATE TABLE delivery (
    delivery_id      uuid PRIMARY KEY,
    invoice_id       uuid NOT NULL,
    company_id       uuid NOT NULL,
    channel          text NOT NULL,
    target           text NOT NULL,
    endpoint         text NOT NULL,
    route            jsonb NOT NULL,
    secrets          bytea,
    secrets_row      uuid,
    state            text NOT NULL CHECK (state IN ('waiting', 'due', 'leased', 'sending', 'unknown',
                         'settling', 'delivered', 'exhausted', 'refused', 'undecided', 'cancelled')),
    attempt          int NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL,
    lease_until      timestamptz,
    fence            bigint NOT NULL DEFAULT 0,
    prepared         bytea,
    resend_of        uuid,
    traceparent      text,
    cause            uuid NOT NULL,
    created_at       timestamptz NOT NULL,
    version          bigint NOT NULL
);
-- What a worker of a channel looks for: cost doesn't grow with the backlog.
CREATE INDEX delivery_due ON delivery (channel, next_attempt_at) WHERE state IN ('due', 'unknown');
CREATE INDEX delivery_leased ON delivery (channel, lease_until) WHERE state IN ('leased', 'sending', 'settling');
CREATE INDEX delivery_of_invoice ON delivery (invoice_id);
CREATE INDEX delivery_listed ON delivery (company_id, created_at DESC);
SELECT protect_tenant('delivery');

CREATE TABLE attempt (
    delivery_id  uuid NOT NULL REFERENCES delivery,
    attempt      int NOT NULL,
    step         int NOT NULL,
    company_id   uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('send', 'settle')),
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz NOT NULL,
    outcome      text NOT NULL,
    code         text NOT NULL,
    words        text NOT NULL,
    proof        jsonb NOT NULL,
    evidence     bytea,
    PRIMARY KEY (delivery_id, attempt, step)
);
SELECT protect_tenant('attempt');

-- Circuit breaker, one row an endpoint that failed lately; shared by all workers.
CREATE TABLE endpoint (
    endpoint    text PRIMARY KEY,
    failures    int NOT NULL,
    open_until  timestamptz
);

-- Documents from the network. 'quarantined' ones are kept and shown, and hold up nothing.
CREATE TABLE received_document (
    document_id    uuid PRIMARY KEY,
    company_id     uuid NOT NULL,
    message_id     text NOT NULL,
    instance_id    text NOT NULL,
    sender         text NOT NULL,
    receiver       text NOT NULL,
    sent_by        text NOT NULL,
    document_type  text NOT NULL,
    number         text NOT NULL,
    seller_name    text NOT NULL,
    amount_due     text NOT NULL,
    currency       text NOT NULL,
    state          text NOT NULL CHECK (state IN ('accepted', 'quarantined', 'duplicate')),
    findings       jsonb NOT NULL,
    sha256         text NOT NULL,
    content        bytea NOT NULL,
    receipt        bytea NOT NULL,
    content_type   text NOT NULL,
    received_at    timestamptz NOT NULL
);
-- A message id is its sender's own: another access point may use the same.
CREATE UNIQUE INDEX received_message ON received_document (sent_by, message_id);
CREATE UNIQUE INDEX received_once ON received_document (sender, instance_id) WHERE state <> 'duplicate';
CREATE INDEX received_recent ON received_document (company_id, received_at DESC);
SELECT protect_tenant('received_document');

CREATE OR REPLACE FUNCTION immutable_tables() RETURNS TABLE (table_name text, privileges text)
LANGUAGE sql AS $$ VALUES ('attempt', 'UPDATE, DELETE'), ('received_document', 'UPDATE, DELETE'),
                          ('document', 'UPDATE, DELETE') $$;
