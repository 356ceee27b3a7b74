-- "At least one user attached" means a user of the company itself: an accountant or support staff
-- who may look inside is none.
CREATE OR REPLACE VIEW firm_company AS
SELECT c.company_id, c.firm_id, c.name, c.sort_key, c.search, c.country, c.incomplete,
       coalesce(s.options, '{}') AS options,
       coalesce(p.enabled, false) AS enabled,
       EXISTS (SELECT FROM access.memberships m WHERE m.company_id = c.company_id AND m.active
               AND m.kind = 'internal') AS has_users
FROM access.companies c
LEFT JOIN subscription s ON s.company_id = c.company_id
LEFT JOIN company_portal p ON p.company_id = c.company_id;
