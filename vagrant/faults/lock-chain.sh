# A job waits for an import, which waits, like whoever writes, for a session that is idle in a transaction: a chain.
# recognised by: blocked-queries
# shellcheck source=lib/common.sh

# Whoever is in the middle is `active`, and blocks others; the one at the root is not, and is what it is about.
chain='
const { Client } = require("pg")
const connected = async (application_name) => {
  const client = new Client({ connectionString: process.env.CHAIN_URL, application_name })
  client.on("error", () => process.exit())
  await client.connect()
  await client.query("BEGIN")
  return client
}
const ends = (client, sql) => client.query(sql).then(() => client.query("COMMIT")).then(() => client.end())
const lock = async () => {
  const [root, middle, last] = [await connected("nightly-export"), await connected("import"), await connected("thumbnails")]
  await root.query("LOCK TABLE avatar_projects IN SHARE MODE")
  await middle.query("LOCK TABLE avatars IN SHARE ROW EXCLUSIVE MODE")
  ends(middle, "UPDATE avatar_projects SET name = name WHERE false")
  ends(last, "UPDATE avatars SET name = name WHERE false")
}
lock().catch(() => process.exit(1))'
(cd "$BACKEND" && CHAIN_URL=$database_url exec setsid node -e "$chain") </dev/null >/dev/null 2>&1 &

waiting="SELECT count(*) = 2 FROM pg_locks WHERE NOT granted AND relation IN (to_regclass('avatars'), to_regclass('avatar_projects'))"
deadline=$((SECONDS + PATIENCE))
until psql_as_app -At -c "$waiting" </dev/null | grep --quiet t; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the fault does not show: nobody waits in a chain"
  sleep 0.1
done
until [ "$(status_of POST /projects '{"name": "Waits for ever"}')" = 000 ]; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the fault does not show: POST /projects is answered"
done
[ "$(status_of GET /projects)" = 200 ] || fail "GET /projects does not answer 200, so more is locked than writing"
sleep 6 # a wait counts from ten seconds on
