SELECT compress_fast('invoice', 'content');
SELECT compress_fast('invoice', 'ubl');
-- a PDF is compressed already
ALTER TABLE rendering ALTER COLUMN pdf SET STORAGE EXTERNAL;
