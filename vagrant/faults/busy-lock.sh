# Columns are missing, and a report has `avatars` open: it lets go once somebody has waited 2.5 s for the lock.
# cured by: missing-columns
# shellcheck source=lib/common.sh

sql 'ALTER TABLE avatars DROP COLUMN "personaName", DROP COLUMN gender'
expect_failure 500 P2022 POST /projects '{"name": "Never created"}'

# shellcheck disable=SC2016 # that is for node
busy='
const { Client } = require("pg")
const connected = async (application_name) => {
  const client = new Client({ connectionString: process.env.BUSY_URL, application_name })
  client.on("error", () => process.exit())
  await client.connect()
  return client
}
const rest = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000))
const waited = "SELECT FROM pg_locks WHERE NOT granted AND relation = to_regclass($1)"
const read = async () => {
  const [report, look] = [await connected("nightly-report"), await connected("nightly-look")]
  await report.query("BEGIN")
  await report.query("SELECT count(*) FROM avatars")
  while (!(await look.query(waited, ["avatars"])).rowCount) await rest(0.1)
  await rest(2.5)
  await report.query("COMMIT")
  process.exit()
}
read().catch(() => process.exit(1))'
(cd "$BACKEND" && BUSY_URL=$database_url exec setsid node -e "$busy") </dev/null >/dev/null 2>&1 &

held="SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
  WHERE l.relation = to_regclass('avatars') AND a.application_name = 'nightly-report'"
deadline=$((SECONDS + PATIENCE))
until psql_as_app -At -c "SELECT EXISTS ($held)" </dev/null | grep --quiet t; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the fault does not show: nobody has avatars open"
  sleep 0.1
done
