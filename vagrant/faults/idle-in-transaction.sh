# A session has locked `avatar_projects` and does nothing more: reading answers 200, whoever writes waits for ever.
# recognised by: blocked-queries
# shellcheck source=lib/common.sh

idle='
const { Client } = require("pg")
const client = new Client({ connectionString: process.env.IDLE_URL, application_name: "nightly-export" })
client.on("error", () => process.exit())
const lock = async () => {
  await client.connect()
  await client.query("BEGIN")
  await client.query("LOCK TABLE avatar_projects IN SHARE MODE")
}
lock().catch(() => process.exit(1))'
(cd "$BACKEND" && IDLE_URL=$database_url exec setsid node -e "$idle") </dev/null >/dev/null 2>&1 &

deadline=$((SECONDS + PATIENCE))
until [ "$(status_of POST /projects '{"name": "Waits for ever"}')" = 000 ]; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the fault does not show: POST /projects is answered"
done
[ "$(status_of GET /projects)" = 200 ] || fail "GET /projects does not answer 200, so more is locked than writing"
sleep 6 # a wait counts from ten seconds on; the request gave up after five, its statement waits on
