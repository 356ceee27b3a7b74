#!/bin/sh
# Run once by the official PostgreSQL image: a database a service, an owner's role that migrates and
# a runtime role that owns nothing. Passwords come from the compose file's secrets, never as arguments.
set -eu
secrets=${SECRETS_DIR:-/run/secrets}
for service in identity portal billing delivery; do
  export OWNER_FILE="$secrets/${service}_owner_password" RUNTIME_FILE="$secrets/${service}_password"
  psql --set ON_ERROR_STOP=1 --quiet --username "${POSTGRES_USER:-postgres}" \
    --set service="$service" --set owner="${service}_owner" <<'SQL'
\set owner_word `cat "$OWNER_FILE"`
\set runtime_word `cat "$RUNTIME_FILE"`
CREATE ROLE :"owner" LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'owner_word';
CREATE ROLE :"service" LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'runtime_word';
CREATE DATABASE :"service" OWNER :"owner" TEMPLATE template0;
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"service" TO :"service";
SQL
done
