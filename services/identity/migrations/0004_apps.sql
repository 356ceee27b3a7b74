-- Which apps a company uses; customers and products are always on.

ALTER TABLE company ADD COLUMN apps text[] NOT NULL
    DEFAULT '{customers,products,invoices,purchases,peppol,statistics}';
