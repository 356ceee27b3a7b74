-- Customers, series, drafts, issued invoices, their readable form, and what became of them.

CREATE TABLE customer (
    customer_id  uuid PRIMARY KEY,
    company_id   uuid NOT NULL,
    state        jsonb NOT NULL,
    active       boolean NOT NULL,
    created_at   timestamptz NOT NULL,
    version      bigint NOT NULL
);
CREATE INDEX customer_by_company ON customer (company_id, (state->>'name'));
SELECT protect_tenant('customer');

-- A sequence of numbers without gaps. Its row is the lock under which a number is taken.
CREATE TABLE series (
    series_id        uuid PRIMARY KEY,
    company_id       uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    prefix           text NOT NULL,
    width            int NOT NULL CHECK (width BETWEEN 1 AND 12),
    last_number      bigint NOT NULL CHECK (last_number >= 0),
    last_issue_date  date,
    version          bigint NOT NULL
);
CREATE UNIQUE INDEX series_prefix ON series (company_id, prefix);
SELECT protect_tenant('series');

CREATE TABLE draft (
    draft_id     uuid PRIMARY KEY,
    company_id   uuid NOT NULL,
    customer_id  uuid NOT NULL,
    series_id    uuid,
    kind         text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    content      jsonb,
    posted_ubl   bytea,
    -- BT-2 of a posted document that keeps its own date; NULL: the day of issue
    own_date     date,
    invoice_id   uuid,
    created_at   timestamptz NOT NULL,
    version      bigint NOT NULL,
    CHECK ((content IS NULL) <> (posted_ubl IS NULL))
);
CREATE INDEX draft_open ON draft (company_id, created_at DESC) WHERE invoice_id IS NULL;
SELECT protect_tenant('draft');

-- Issued documents. Never changed, never removed: the runtime role has no such privilege.
CREATE TABLE invoice (
    invoice_id   uuid PRIMARY KEY,
    company_id   uuid NOT NULL,
    customer_id  uuid NOT NULL,
    series_id    uuid NOT NULL,
    sequence     bigint NOT NULL,
    number       text NOT NULL,
    kind         text NOT NULL,
    issue_date   date NOT NULL,
    issued_at    timestamptz NOT NULL,
    due_date     date,
    buyer_name   text NOT NULL,
    currency     text NOT NULL,
    without_vat  numeric NOT NULL,
    amount_due   numeric NOT NULL,
    language     text NOT NULL,
    content      jsonb NOT NULL,
    ubl          bytea NOT NULL,
    sha256       text NOT NULL,
    issued_by    text NOT NULL,
    trace_id     text NOT NULL
);
CREATE UNIQUE INDEX invoice_sequence ON invoice (series_id, sequence);
CREATE UNIQUE INDEX invoice_number ON invoice (company_id, number);
CREATE INDEX invoice_recent ON invoice (company_id, issued_at DESC);
CREATE INDEX invoice_by_customer ON invoice (company_id, customer_id, issued_at DESC);
SELECT protect_tenant('invoice');

-- The readable form, rendered once after the issue; work to do until `pdf` is there.
CREATE TABLE rendering (
    invoice_id       uuid PRIMARY KEY REFERENCES invoice,
    company_id       uuid NOT NULL,
    pdf              bytea,
    sha256           text,
    attempts         int NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL,
    last_error       text
);
CREATE INDEX rendering_due ON rendering (next_attempt_at) WHERE pdf IS NULL;
SELECT protect_tenant('rendering');

-- What became of an invoice, one row a delivery; projected from delivery's topics.
CREATE TABLE invoice_delivery (
    delivery_id  uuid PRIMARY KEY,
    company_id   uuid NOT NULL,
    invoice_id   uuid NOT NULL,
    channel      text NOT NULL,
    target       text NOT NULL,
    state        text NOT NULL,
    words        text NOT NULL,
    proof        jsonb NOT NULL,
    changed_at   timestamptz NOT NULL,
    version      bigint NOT NULL
);
CREATE INDEX invoice_delivery_of ON invoice_delivery (invoice_id);
SELECT protect_tenant('invoice_delivery');

CREATE OR REPLACE FUNCTION immutable_tables() RETURNS TABLE (table_name text, privileges text)
LANGUAGE sql AS $$ SELECT 'invoice', 'UPDATE, DELETE' $$;
