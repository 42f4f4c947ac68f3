# Something else holds every connection that the database server has left: a restarted app gets none and answers 500.
# recognised by: database-unreachable
# shellcheck source=lib/common.sh

hog='
const { Client } = require("pg")
const take = async () => {
  const client = new Client({ connectionString: process.env.HOG_URL, application_name: "nightly-export" })
  client.on("error", () => process.exit())
  try { await client.connect() } catch (error) { if (error.code === "53300") return false; process.exit() }
  return true
}
const loop = async () => setTimeout(loop, (await take()) ? 0 : 20)
loop()'
(cd "$BACKEND" && HOG_URL=$database_url exec setsid node -e "$hog") </dev/null >/dev/null 2>&1 &
sleep 1 # it takes what there is; what the app gives back goes the same way
restart_app
expect_failure 500 P2037 GET /projects
