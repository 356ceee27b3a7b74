-- A sign-up's password is chosen by whoever holds the letter, so none waits here any more; each letter
-- stands for what was typed when it was asked for, and no later one changes that.

DELETE FROM registration;
DROP INDEX registration_email;
CREATE INDEX registration_by_email ON registration (lower(email), asked_at);

-- Sign-ups and letters that anybody may ask for, counted by network.
CREATE TABLE asked (
    network   text NOT NULL,
    asked_at  timestamptz NOT NULL
);
CREATE INDEX asked_recent ON asked (network, asked_at);
