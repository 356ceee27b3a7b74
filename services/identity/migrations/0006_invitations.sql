-- An invitation is a company's, and apart from whoever it may turn out to be for: until it is accepted
-- there is no membership, nothing is told to other services, and the company learns of no account.
-- The ids are those that the membership and the account get, where the address has neither.

SELECT set_config('app.company_id', '*', true);

CREATE TABLE member_invitation (
    membership_id  uuid PRIMARY KEY,
    company_id     uuid NOT NULL REFERENCES company,
    user_id        uuid NOT NULL,
    email          text NOT NULL,
    first_name     text NOT NULL,
    last_name      text NOT NULL,
    language       text NOT NULL,
    role           text NOT NULL CHECK (role IN ('owner', 'employee')),
    profile_id     uuid REFERENCES profile,
    rights         text[] NOT NULL,
    apps           text[] NOT NULL,
    secret_hash    bytea NOT NULL UNIQUE,
    expires_at     timestamptz NOT NULL
);
CREATE UNIQUE INDEX member_invitation_once ON member_invitation (company_id, lower(email));
CREATE UNIQUE INDEX member_invitation_user ON member_invitation (company_id, user_id);
CREATE INDEX member_invitation_email ON member_invitation (lower(email));

-- Those who haven't chosen a password yet; a link of one account in several companies goes on in the
-- first, the others invite again.
INSERT INTO member_invitation (membership_id, company_id, user_id, email, first_name, last_name, language,
    role, profile_id, rights, apps, secret_hash, expires_at)
SELECT m.membership_id, m.company_id, m.user_id, u.email, u.first_name, u.last_name, u.language,
    m.role, m.profile_id, m.rights, m.apps,
    CASE WHEN i.secret_hash IS NOT NULL
        AND m.membership_id = min(m.membership_id::text) OVER (PARTITION BY m.user_id)::uuid
        THEN i.secret_hash ELSE sha256(gen_random_uuid()::text::bytea) END,
    coalesce(i.expires_at, now())
FROM membership m JOIN app_user u USING (user_id) LEFT JOIN invitation i USING (user_id)
WHERE m.active AND m.kind = 'internal' AND u.password_hash IS NULL;

UPDATE membership m SET active = false FROM app_user u
WHERE u.user_id = m.user_id AND m.active AND u.password_hash IS NULL;

SELECT protect_tenant('member_invitation');

-- A link that sets a new password, for whoever forgot it: one, single use, expiring.
CREATE TABLE password_reset (
    user_id      uuid PRIMARY KEY REFERENCES app_user,
    secret_hash  bytea NOT NULL UNIQUE,
    expires_at   timestamptz NOT NULL
);
INSERT INTO password_reset (user_id, secret_hash, expires_at)
SELECT i.user_id, i.secret_hash, i.expires_at FROM invitation i JOIN app_user u USING (user_id)
WHERE u.password_hash IS NOT NULL;
DROP TABLE invitation;
