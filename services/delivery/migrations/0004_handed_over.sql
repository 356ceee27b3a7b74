-- Whether an attempt took the step after which the peer may have the document. What was under way before
-- this was kept may have taken it.
ALTER TABLE delivery ADD COLUMN handed_over boolean NOT NULL DEFAULT true;
ALTER TABLE delivery ALTER COLUMN handed_over SET DEFAULT false;
