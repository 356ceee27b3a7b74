-- Subscriptions, company portals, and read models across owners.

CREATE TABLE subscription (
    company_id  uuid PRIMARY KEY,
    plan        text NOT NULL,
    options     text[] NOT NULL,
    seats       int NOT NULL,
    version     bigint NOT NULL
);

-- Facturation of a company. `version` counts over the three billing topics.
CREATE TABLE company_portal (
    company_id   uuid PRIMARY KEY,
    firm_id      uuid NOT NULL,
    enabled      boolean NOT NULL,
    profile_ids  uuid[] NOT NULL,
    changed_by   text NOT NULL,
    changed_at   timestamptz NOT NULL,
    version      bigint NOT NULL
);

-- Everything that happened to an invoice, in the order of its time: the timeline.
CREATE TABLE timeline (
    event_id      uuid PRIMARY KEY,
    company_id    uuid NOT NULL,
    invoice_id    uuid NOT NULL,
    delivery_id   uuid,
    kind          text NOT NULL,
    channel       text NOT NULL,
    target        text NOT NULL,
    words         text NOT NULL,
    proof         jsonb NOT NULL,
    actor         text NOT NULL,
    started_at    timestamptz,
    happened_at   timestamptz NOT NULL,
    trace_id      text NOT NULL,
    version       bigint NOT NULL
);
CREATE INDEX timeline_of ON timeline (invoice_id, happened_at);
CREATE INDEX timeline_recent ON timeline (company_id, happened_at DESC);
SELECT protect_tenant('timeline');

-- Invoices across owners, for lists, dashboard and page heads.
CREATE TABLE invoice_face (
    invoice_id     uuid PRIMARY KEY,
    company_id     uuid NOT NULL,
    customer_id    uuid NOT NULL,
    number         text NOT NULL,
    document_kind  text NOT NULL,
    buyer_name     text NOT NULL,
    amount_due     numeric NOT NULL,
    currency       text NOT NULL,
    issue_date     date NOT NULL,
    issued_at      timestamptz NOT NULL
);
CREATE INDEX invoice_face_recent ON invoice_face (company_id, issued_at DESC);
SELECT protect_tenant('invoice_face');

-- The newest state of each delivery.
CREATE TABLE delivery_face (
    delivery_id   uuid PRIMARY KEY,
    invoice_id    uuid NOT NULL,
    company_id    uuid NOT NULL,
    channel       text NOT NULL,
    target        text NOT NULL,
    state         text NOT NULL,
    scheduled_at  timestamptz,
    ended_at      timestamptz,
    version       bigint NOT NULL
);
CREATE INDEX delivery_face_of ON delivery_face (invoice_id);
CREATE INDEX delivery_face_by_state ON delivery_face (company_id, channel, state);
SELECT protect_tenant('delivery_face');

CREATE TABLE purchase_face (
    document_id  uuid PRIMARY KEY,
    company_id   uuid NOT NULL,
    number       text NOT NULL,
    seller_name  text NOT NULL,
    amount_due   text NOT NULL,
    currency     text NOT NULL,
    sender       text NOT NULL,
    received_at  timestamptz NOT NULL
);
CREATE INDEX purchase_face_recent ON purchase_face (company_id, received_at DESC);
SELECT protect_tenant('purchase_face');
