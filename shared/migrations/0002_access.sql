-- Projection of who may do what, learnt from identity's and the portal's topics. Upserts guarded
-- by the aggregate's version; no foreign keys, so that topics may arrive in any order.

CREATE SCHEMA access;

CREATE TABLE access.signing_keys (
    key_id      uuid PRIMARY KEY,
    public_key  text NOT NULL,
    expires_at  timestamptz NOT NULL,
    version     bigint NOT NULL
);

CREATE TABLE access.companies (
    company_id      uuid PRIMARY KEY,
    kind            text NOT NULL,
    firm_id         uuid,
    name            text NOT NULL,
    country         text NOT NULL,
    state           jsonb NOT NULL,
    version         bigint NOT NULL
);
CREATE INDEX companies_by_firm ON access.companies (firm_id, name);

CREATE TABLE access.memberships (
    membership_id  uuid PRIMARY KEY,
    user_id        uuid NOT NULL,
    company_id     uuid NOT NULL,
    role           text NOT NULL,
    kind           text NOT NULL,
    profile_id     uuid,
    rights         text[] NOT NULL,
    apps           text[] NOT NULL,
    active         boolean NOT NULL,
    email          text NOT NULL,
    first_name     text NOT NULL,
    last_name      text NOT NULL,
    language       text NOT NULL,
    version        bigint NOT NULL
);
CREATE INDEX memberships_by_company ON access.memberships (company_id);
CREATE INDEX memberships_by_user ON access.memberships (user_id);

CREATE TABLE access.profiles (
    profile_id  uuid PRIMARY KEY,
    company_id  uuid NOT NULL,
    name        text NOT NULL,
    rights      text[] NOT NULL,
    active      boolean NOT NULL,
    version     bigint NOT NULL
);
CREATE INDEX profiles_by_company ON access.profiles (company_id);

CREATE TABLE access.revoked_sessions (
    session_id  uuid PRIMARY KEY,
    revoked_at  timestamptz NOT NULL
);

-- Whether facturation is on for a company, and for which profiles.
CREATE TABLE access.billing (
    company_id   uuid PRIMARY KEY,
    enabled      boolean NOT NULL,
    profile_ids  uuid[] NOT NULL,
    version      bigint NOT NULL
);
