# Starts the services of a host without namespaces, as the account that owns it.
# Settings: ROOT, ROLE (full|light), BACKEND, DATABASE_PORT, PG_BIN, SSHD
set -euo pipefail

if [ "$ROLE" = full ]; then
  "$PG_BIN/pg_ctl" -D "$ROOT/pgdata" -l "$ROOT/log/postgresql.log" \
    -o "-k $ROOT/run -p $DATABASE_PORT -c listen_addresses=127.0.0.1" --silent --wait start
  env -C "$BACKEND" -u ROOT -u ROLE -u BACKEND -u DATABASE_PORT -u PG_BIN -u SSHD pm2 start ecosystem.config.js >/dev/null
fi
# Both names absolute: sshd runs itself again from another folder.
"$SSHD" -f "$ROOT/sshd_config" -E "$ROOT/log/sshd.log"
