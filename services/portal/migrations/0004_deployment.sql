-- A firm's companies, to be searched and chosen by the thousand; and mass deployments of facturation.

-- Names sort and are found without regard to case and accents.
CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(lower($1), 'àáâãäåçèéêëìíîïñòóôõöùúûüýÿ', 'aaaaaaceeeeiiiinooooouuuuyy')
$$;

ALTER TABLE access.companies
    ADD COLUMN sort_key text GENERATED ALWAYS AS (folded(name)) STORED,
    ADD COLUMN search text GENERATED ALWAYS AS (folded(name) || ' '
        || coalesce(state->>'registration_number', '') || ' '
        || lower(coalesce(state->>'vat_number', ''))) STORED,
    ADD COLUMN incomplete boolean GENERATED ALWAYS AS
        ((state->'missing_legal_fields') IS DISTINCT FROM '[]'::jsonb) STORED;
CREATE INDEX companies_in_order ON access.companies (firm_id, sort_key, company_id);

-- What the list of companies shows, filters and counts.
CREATE VIEW firm_company AS
SELECT c.company_id, c.firm_id, c.name, c.sort_key, c.search, c.country, c.incomplete,
       coalesce(s.options, '{}') AS options,
       coalesce(p.enabled, false) AS enabled,
       EXISTS (SELECT FROM access.memberships m WHERE m.company_id = c.company_id AND m.active) AS has_users
FROM access.companies c
LEFT JOIN subscription s ON s.company_id = c.company_id
LEFT JOIN company_portal p ON p.company_id = c.company_id;

-- One order for many companies: proposed (somebody reads the warning), confirmed, ended.
CREATE TABLE deployment (
    deployment_id  uuid PRIMARY KEY,
    firm_id        uuid NOT NULL,
    enabled        boolean NOT NULL,
    profiles       text[] NOT NULL,
    actor          text NOT NULL,
    membership_id  uuid NOT NULL,
    traceparent    text,
    origin         text NOT NULL,
    retry_of       uuid,
    proposed_at    timestamptz NOT NULL,
    confirmed_at   timestamptz,
    ended_at       timestamptz
);
CREATE INDEX deployment_of_firm ON deployment (firm_id, confirmed_at DESC) WHERE confirmed_at IS NOT NULL;
CREATE INDEX deployment_open ON deployment (confirmed_at) WHERE confirmed_at IS NOT NULL AND ended_at IS NULL;

-- One company of a deployment: what the warning foresaw (bound by `token`), then what came of it.
CREATE TABLE deployment_item (
    deployment_id  uuid NOT NULL REFERENCES deployment ON DELETE CASCADE,
    position       int NOT NULL,
    company_id     uuid NOT NULL,
    name           text NOT NULL,
    token          text NOT NULL,
    foreseen       text NOT NULL,
    gains          int NOT NULL,
    loses          int NOT NULL,
    keeps          int NOT NULL,
    reason         text NOT NULL,
    fields         text[] NOT NULL,
    outcome        text,
    settled_at     timestamptz,
    PRIMARY KEY (deployment_id, position),
    UNIQUE (deployment_id, company_id)
);
CREATE INDEX deployment_waiting ON deployment_item (deployment_id, position) WHERE outcome IS NULL;

-- Tells an open dashboard that something has happened.
ALTER TABLE timeline ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY;
CREATE INDEX timeline_newest ON timeline (company_id, position DESC);
