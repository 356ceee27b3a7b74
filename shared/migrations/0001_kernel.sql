-- What every service needs to speak and to listen: outbox, inbox, and its own
-- projection of who may do what (schema access). {runtime} is the role the service runs under.

CREATE TABLE outbox (
    position      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id      uuid NOT NULL UNIQUE,
    topic         text NOT NULL,
    key           text NOT NULL,
    headers       jsonb NOT NULL,
    payload       bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    published_at  timestamptz
);
-- The relay reads nothing but what isn't published yet, in order.
CREATE INDEX outbox_unpublished ON outbox (position) WHERE published_at IS NULL;
CREATE INDEX outbox_by_aggregate ON outbox (topic, key, position);

CREATE TABLE inbox (
    consumer     text NOT NULL,
    event_id     uuid NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_by_age ON inbox (received_at);

-- A service that has tables whose rows may never change (issued documents) replaces this function
-- in a migration of its own; the privileges it names are taken from the runtime role.
CREATE FUNCTION immutable_tables() RETURNS TABLE (table_name text, privileges text)
LANGUAGE sql AS $$ SELECT NULL::text, NULL::text WHERE false $$;

-- Binds a table to one company: forced, so that even the owner's role is bound.
CREATE FUNCTION protect_tenant(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY tenant ON %s USING (current_setting(''app.company_id'', true) = ''*'' '
        'OR company_id::text = current_setting(''app.company_id'', true))', target);
END $$;
