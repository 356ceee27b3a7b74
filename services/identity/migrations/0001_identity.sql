-- Companies, users, memberships, profiles, sessions, signing keys.

CREATE TABLE company (
    company_id   uuid PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('firm', 'company')),
    firm_id      uuid REFERENCES company,
    legal        jsonb NOT NULL,
    require_2fa  boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL,
    version      bigint NOT NULL
);
CREATE INDEX company_by_firm ON company (firm_id);

-- A person. One e-mail, any number of companies.
CREATE TABLE app_user (
    user_id        uuid PRIMARY KEY,
    email          text NOT NULL,
    first_name     text NOT NULL,
    last_name      text NOT NULL,
    language       text NOT NULL CHECK (language IN ('fr', 'nl', 'en')),
    password_hash  text,
    created_at     timestamptz NOT NULL
);
CREATE UNIQUE INDEX app_user_email ON app_user (lower(email));

CREATE TABLE profile (
    profile_id  uuid PRIMARY KEY,
    company_id  uuid NOT NULL REFERENCES company,
    name        text NOT NULL,
    rights      text[] NOT NULL,
    active      boolean NOT NULL,
    version     bigint NOT NULL
);
CREATE UNIQUE INDEX profile_name ON profile (company_id, lower(name)) WHERE active;
SELECT protect_tenant('profile');

CREATE TABLE membership (
    membership_id  uuid PRIMARY KEY,
    company_id     uuid NOT NULL REFERENCES company,
    user_id        uuid NOT NULL REFERENCES app_user,
    role           text NOT NULL CHECK (role IN ('owner', 'employee')),
    kind           text NOT NULL CHECK (kind IN ('internal', 'accountant', 'support')),
    profile_id     uuid REFERENCES profile,
    rights         text[] NOT NULL,
    apps           text[] NOT NULL,
    active         boolean NOT NULL,
    version        bigint NOT NULL
);
CREATE UNIQUE INDEX membership_once ON membership (company_id, user_id);
CREATE INDEX membership_by_user ON membership (user_id);
SELECT protect_tenant('membership');

-- A link that sets a new user's password: one, single use, expiring. Only its hash is stored.
CREATE TABLE invitation (
    user_id      uuid PRIMARY KEY REFERENCES app_user,
    secret_hash  bytea NOT NULL UNIQUE,
    expires_at   timestamptz NOT NULL
);

CREATE TABLE session (
    session_id   uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES app_user,
    secret_hash  bytea NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE INDEX session_by_user ON session (user_id) WHERE revoked_at IS NULL;

CREATE TABLE signing_key (
    key_id       uuid PRIMARY KEY,
    public_key   text NOT NULL,
    private_key  bytea NOT NULL,
    signs_until  timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    created_at   timestamptz NOT NULL
);

-- Failed sign-ins, counted by address and by account together: rates, never a lock on the account.
CREATE TABLE sign_in_failure (
    address     text NOT NULL,
    email_hash  bytea NOT NULL,
    failed_at   timestamptz NOT NULL
);
CREATE INDEX sign_in_failure_recent ON sign_in_failure (address, failed_at);
