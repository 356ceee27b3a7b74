-- What a walk finds is kept by kind, so that pages say it in the reader's language; the first walk after
-- the start, which comes at once, writes it anew.

DELETE FROM audit_check;
