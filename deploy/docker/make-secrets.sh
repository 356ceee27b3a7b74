#!/bin/sh
# Generates every secret that docker-compose.yml mounts, each once: what exists is left alone.
# Usage: deploy/docker/make-secrets.sh [FOLDER]      (default: deploy/docker/secrets, outside git)
# The mail server: SMTP_HOST, SMTP_PORT, SMTP_SENDER, SMTP_USERNAME, SMTP_PASSWORD at the first run,
# or edit FOLDER/delivery_smtp and FOLDER/identity_smtp. Peppol: put the PEM files into FOLDER/peppol and their paths
# (/run/peppol/…) into FOLDER/delivery_peppol; docs/operations.md lists the fields.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/secrets}
# the folder is closed; its files are readable, because containers run as users of their own
umask 077
mkdir -p "$folder/peppol"
chmod 755 "$folder/peppol"

keep() { # NAME: stdin becomes the file, unless it exists
  if [ ! -e "$folder/$1" ]; then
    cat >"$folder/$1.new"
    chmod 444 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "made $1"
  fi
}
word() { head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }
url() { printf 'postgresql://%s:%s@postgres:5432/%s' "$1" "$(cat "$folder/$1_password")" "$2"; }

word | keep postgres_password
word | keep grafana_password
for service in identity portal billing delivery; do
  for role in "$service" "${service}_owner"; do
    word | keep "${role}_password"
    url "$role" "$service" | keep "${role}_database_url"
  done
  head -c 32 /dev/urandom | base64 | keep "${service}_master_key"
done

quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g; s/.*/"&"/'; }
if [ -n "${SMTP_HOST:-}" ]; then
  {
    printf '{"host": %s, "port": %d' "$(quoted "$SMTP_HOST")" "${SMTP_PORT:-587}"
    printf ', "sender": %s' "$(quoted "${SMTP_SENDER:?say SMTP_SENDER, the address invoices come from}")"
    [ -z "${SMTP_USERNAME:-}" ] ||
      printf ', "username": %s, "password": %s' "$(quoted "$SMTP_USERNAME")" "$(quoted "${SMTP_PASSWORD:?}")"
    printf '}\n'
  } | keep delivery_smtp
else
  echo null | keep delivery_smtp
fi
grep -q '^null$' "$folder/delivery_smtp" &&
  echo "no mail server (SMTP_HOST=…, or edit $folder/delivery_smtp): leave out --profile email" >&2
# invitations and sign-ups go by the same server; without one they work, and say less than they should
keep identity_smtp <"$folder/delivery_smtp"
echo null | keep delivery_peppol
