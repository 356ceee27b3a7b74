-- Documents and events are large: LZ4 takes a tenth of pglz's time on them, and gives up at once on
-- what is compressed already (PDF). A PostgreSQL that was built without it keeps pglz.
CREATE FUNCTION compress_fast(target regclass, column_name name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION lz4', target, column_name);
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;

SELECT compress_fast('outbox', 'payload');
