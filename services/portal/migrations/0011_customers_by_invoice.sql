-- What the journal calls a customer by: the name on the newest document.

CREATE INDEX invoice_face_of_customer ON invoice_face (customer_id, issued_at DESC);
