-- What a way keeps in `secrets`: a password, a private key whose public half is shown, or both.
ALTER TABLE reception_way ADD COLUMN has_password boolean NOT NULL DEFAULT false, ADD COLUMN public_key text;
UPDATE reception_way SET has_password = secrets IS NOT NULL;
