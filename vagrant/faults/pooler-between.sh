# Columns are missing, and the database URL leads through PgBouncer in transaction mode: what is done goes through it.
# cured by: missing-columns
# shellcheck source=lib/common.sh

login=${database_url#*//}
login=${login%%@*}
address=${database_url##*@}
server=${address%%/*}
password=$(printf '%b' "$(printf '%s' "${login#*:}" | sed 's/%/\\x/g')")
port=6433 # not the usual one: it is known by its greeting
settings=$(mktemp)
cat >"$settings" <<END
[databases]
* = host=127.0.0.1 port=${server##*:} user=${login%%:*} password='${password//\'/\'\'}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
END
PATH=$PATH:/usr/sbin setsid pgbouncer -q "$settings" </dev/null >/dev/null 2>&1 &

{ env_without_url; printf 'DATABASE_URL="%s"\n' "${database_url%@*}@127.0.0.1:$port/${address#*/}"; } | write_env
restart_app
deadline=$((SECONDS + PATIENCE))
until [ "$(status_of GET /projects)" = 200 ]; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the app does not answer through the pooler"
  sleep 0.1
done
rm -- "$settings" # it has read it
sql 'ALTER TABLE avatars DROP COLUMN "personaName", DROP COLUMN gender'
expect_failure 500 P2022 POST /projects '{"name": "Never created"}'
