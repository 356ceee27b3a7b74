-- Whether the company requires a second factor that this member has yet to enrol.

ALTER TABLE access.memberships ADD COLUMN second_factor_due boolean NOT NULL DEFAULT false;
