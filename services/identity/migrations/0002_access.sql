-- Second factor, accountants and support, API keys, seats, mail to send, addresses one signs in from.

ALTER TABLE app_user
    ADD COLUMN is_support         boolean NOT NULL DEFAULT false,
    ADD COLUMN password_strength  smallint,
    ADD COLUMN totp_secret        bytea,
    ADD COLUMN totp_confirmed_at  timestamptz,
    ADD COLUMN totp_last_step     bigint NOT NULL DEFAULT 0;

ALTER TABLE company ADD COLUMN support_access boolean NOT NULL DEFAULT false;

ALTER TABLE session
    ADD COLUMN second_factor_at  timestamptz,
    ADD COLUMN wrong_codes       int NOT NULL DEFAULT 0,
    ADD COLUMN address           text NOT NULL DEFAULT '';

-- Ten at a time, each good for one sign-in without the authenticator.
CREATE TABLE recovery_code (
    user_id    uuid NOT NULL REFERENCES app_user,
    code_hash  bytea NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE api_key (
    key_id         uuid PRIMARY KEY,
    company_id     uuid NOT NULL REFERENCES company,
    membership_id  uuid NOT NULL REFERENCES membership,
    user_id        uuid NOT NULL REFERENCES app_user,
    session_id     uuid NOT NULL,
    name           text NOT NULL,
    secret_hash    bytea NOT NULL UNIQUE,
    scopes         text[] NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    revoked_at     timestamptz
);
SELECT protect_tenant('api_key');

-- How many users a company has paid for; from the portal's topic. No row: no limit.
CREATE TABLE seats (
    company_id  uuid PRIMARY KEY,
    seats       int NOT NULL,
    version     bigint NOT NULL
);

CREATE TABLE outgoing_mail (
    mail_id          uuid PRIMARY KEY,
    recipient        text NOT NULL,
    subject          text NOT NULL,
    -- sealed: it may hold a secret link; emptied once sent
    body             bytea NOT NULL,
    attempts         int NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL,
    sent_at          timestamptz,
    last_error       text
);
CREATE INDEX outgoing_mail_due ON outgoing_mail (next_attempt_at) WHERE sent_at IS NULL;

-- Where a user has signed in from before: such an address isn't locked out by others' guesses.
CREATE TABLE known_address (
    user_id  uuid NOT NULL REFERENCES app_user,
    address  text NOT NULL,
    seen_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, address)
);
CREATE INDEX sign_in_failure_by_account ON sign_in_failure (email_hash, failed_at);
