-- The catalogue: what a company sells. One taken away stays, inactive: documents were written with it.

CREATE TABLE product (
    product_id   uuid PRIMARY KEY,
    company_id   uuid NOT NULL,
    state        jsonb NOT NULL,
    active       boolean NOT NULL,
    created_at   timestamptz NOT NULL,
    version      bigint NOT NULL
);
CREATE INDEX product_by_company ON product (company_id, (state->>'name'));
CREATE UNIQUE INDEX product_number ON product (company_id, (state->>'number'))
    WHERE active AND state->>'number' IS NOT NULL;
SELECT protect_tenant('product');
