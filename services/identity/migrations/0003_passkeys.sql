-- Passkeys as a second factor; what a person sees of his own sessions.

ALTER TABLE session
    ADD COLUMN agent    text NOT NULL DEFAULT '',
    ADD COLUMN seen_at  timestamptz;

CREATE TABLE passkey (
    passkey_id     uuid PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES app_user,
    credential_id  bytea NOT NULL UNIQUE,
    public_key     bytea NOT NULL,
    sign_count     bigint NOT NULL,
    name           text NOT NULL,
    created_at     timestamptz NOT NULL,
    used_at        timestamptz
);
CREATE INDEX passkey_by_user ON passkey (user_id);

-- What an authenticator has to sign: one per session and purpose, good once.
CREATE TABLE passkey_challenge (
    session_id  uuid NOT NULL REFERENCES session,
    purpose     text NOT NULL CHECK (purpose IN ('register', 'sign_in')),
    challenge   bytea NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (session_id, purpose)
);
