-- Sign-ups that wait for their e-mail to be confirmed: one per address. What was typed is sealed
-- (the password as its hash), and empty where the address has an account already: both look alike.

CREATE TABLE registration (
    registration_id  uuid PRIMARY KEY,
    email            text NOT NULL,
    secret_hash      bytea NOT NULL UNIQUE,
    sealed           bytea NOT NULL,
    asked_at         timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL
);
CREATE UNIQUE INDEX registration_email ON registration (lower(email));
