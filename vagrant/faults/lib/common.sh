# What the faults share; `vagrant/lab break` puts it before each. They run on the host, as the app's user.
# Settings: APP_NAME, APP_ROOT, BACKEND, PORT, API, API_TOKEN, DATABASE_URL, SCHEMA_ENGINE, PATIENCE (seconds)
# shellcheck shell=bash
set -u

# Values that PM2 must not get to know: it would keep them, and they would win over .env at every restart.
database_url=$DATABASE_URL
unset DATABASE_URL
export NO_COLOR=1

fail() { # MESSAGE
  echo "$1" >&2
  exit 1
}

# psql as the app's own database user.
psql_as_app() { # ARGUMENTS
  # libpq knows neither `schema` nor any other parameter of Prisma's; the password is in no argument list.
  local url=${database_url%%\?*} login
  login=${url#*//}
  login=${login%@*}
  PGPASSWORD=$(printf '%b' "$(printf '%s' "${login#*:}" | sed 's/%/\\x/g')") \
    psql -X -w -q -v ON_ERROR_STOP=1 -d "postgresql://${login%%:*}@${url##*@}" "$@"
}

# One statement after the other.
sql() { # STATEMENTS
  psql_as_app -c "$1" </dev/null || fail "psql failed"
}

# Compile without caring whether it compiles: tsc writes dist/ even so, and that is how broken code goes live.
build_anyway() {
  env -C "$BACKEND" node_modules/.bin/tsc -p tsconfig.json >/dev/null || true
}

restart_app() {
  log_mark=$(log_size)  # what dies at once may have said so before anybody asks
  timeout 30 pm2 restart "$APP_NAME" >/dev/null || fail "pm2 restart $APP_NAME failed"
}

status_of() { # METHOD PATH [BODY]
  local body=()
  [ $# -lt 3 ] || body=(--header 'Content-Type: application/json' --data "$3")
  curl --silent --output /dev/null --max-time 5 --write-out '%{http_code}' --request "$1" \
    --config - "${body[@]}" "$API$2" <<END
header = "Authorization: Bearer $API_TOKEN"
END
}

# Waits until the app itself shows the fault: this status, and this text in its log, after now or the last restart.
expect_failure() { # STATUS TEXT METHOD PATH [BODY]
  local wanted=$1 text=$2 log size seen=none deadline=$((SECONDS + PATIENCE))
  shift 2
  log=$(error_log)
  size=${log_mark:-$(log_size)}
  while [ "$SECONDS" -lt "$deadline" ]; do
    seen=$(status_of "$@")
    if [ "$seen" = "$wanted" ] && tail --bytes "+$((size + 1))" "$log" | grep --quiet --fixed-strings "$text"; then
      return 0
    fi
    sleep 0.1
  done
  fail "the fault does not show (is there another? see lab reset): $1 $2 answers $seen, not $wanted with '$text' in $log"
}

log_size() {
  stat --format %s "$(error_log)" 2>/dev/null || echo 0
}

error_log() {
  timeout 30 pm2 jlist | node -e '
    const out = require("fs").readFileSync(0, "utf8")
    const app = JSON.parse(out.slice(out.indexOf("["))).find((one) => one.name === process.argv[1])
    console.log(app ? app.pm2_env.pm_err_log_path : "")' "$APP_NAME"
}

# The lines of .env but those that set the database's URL.
env_without_url() {
  grep --invert-match '^DATABASE_URL=' "$BACKEND/.env"
}

# Writes .env anew: same owner, same mode.
write_env() { # (TEXT on stdin)
  local text
  text=$(cat; printf x) # the substitution takes line ends away
  printf '%s' "${text%x}" >"$BACKEND/.env"
}

# Another host, another password: what a mistake in the URL would say.
url_with_host() { # HOST
  printf '%s' "${database_url%@*}@$1/${database_url##*/}"
}

url_with_password() { # PASSWORD
  local login=${database_url%@*}
  printf '%s' "${login%:*}:$1@${database_url##*@}"
}

# Waits until nothing listens any more.
expect_silence() { # METHOD PATH [BODY]
  local deadline=$((SECONDS + PATIENCE))
  until [ "$(status_of "$@")" = 000 ]; do
    [ "$SECONDS" -lt "$deadline" ] || fail "$1 $2 is still answered"
    sleep 0.1
  done
}

# Three avatars of two projects that are gone; nothing may keep them from it.
lose_projects() {
  sql "INSERT INTO avatars (id, \"userId\", \"projectId\", name, \"baseImageUrl\", \"updatedAt\") VALUES
       ('ckxorphan0000000000000001', 'user123', 'ckxlost000000000000000001', 'Left behind', '/static/base.png', '2026-01-01'),
       ('ckxorphan0000000000000002', 'user123', 'ckxlost000000000000000001', 'Left behind', '/static/base.png', '2026-01-01'),
       ('ckxorphan0000000000000003', 'user456', 'ckxlost000000000000000002', 'Left behind', '/static/base.png', '2026-01-01')
       ON CONFLICT (id) DO NOTHING"
}

expect_orphans() { # NUMBER
  local seen
  seen=$(psql_as_app -Atc 'SELECT count(*) FROM avatars AS a WHERE a."projectId" IS NOT NULL
    AND NOT EXISTS (SELECT FROM avatar_projects AS p WHERE p.id = a."projectId")' </dev/null) || fail "psql failed"
  [ "$seen" = "$1" ] || fail "the fault does not show: $seen avatars have lost their project, not $1"
}

save_apps() {
  timeout 30 pm2 save >/dev/null || fail "pm2 save failed"
}

delete_app() {
  if pm2 jlist | grep --quiet --fixed-strings "\"name\":\"$APP_NAME\","; then
    timeout 30 pm2 delete "$APP_NAME" >/dev/null || fail "pm2 delete $APP_NAME failed"
  fi
}

# A small app of its own beside the backend, which PM2 does not know yet.
make_second_app() {
  second=$APP_ROOT/second
  mkdir --parents "$second"
  echo 'setInterval(() => {}, 1000)' >"$second/index.js"
}
