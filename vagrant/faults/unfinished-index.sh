# CREATE INDEX CONCURRENTLY failed halfway: the index is there by its name, and invalid; IF NOT EXISTS calls it done.
# cured by: slow-queries
# gone once cured: what a failed build left served nobody, and is not made again
# works all the same: a table of this size is read quickly, index or not
# shellcheck source=lib/common.sh

sql 'DROP INDEX IF EXISTS "avatars_userId_idx"'
# A reader that stays where it is; the build waits for it until its lock_timeout, as it would in a deployment.
PGAPPNAME=nightly-report psql_as_app -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' -c 'SELECT count(*) FROM avatars' \
  -c 'SELECT pg_sleep(600)' >/dev/null 2>&1 </dev/null &
report="FROM pg_stat_activity WHERE application_name = 'nightly-report' AND wait_event = 'PgSleep'"
deadline=$((SECONDS + PATIENCE))
until [ "$(psql_as_app -Atc "SELECT count(*) $report" </dev/null)" = 1 ]; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the fault does not show: nobody reads"
  sleep 0.1
done
psql_as_app -c "SET lock_timeout = '300ms'" \
  -c 'CREATE INDEX CONCURRENTLY "avatars_userId_idx" ON avatars ("userId")' >/dev/null 2>&1 </dev/null || true
sql "DO \$\$ BEGIN PERFORM pg_terminate_backend(pid) $report; END \$\$"
wait
invalid="SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('\"avatars_userId_idx\"') AND NOT indisvalid)"
[ "$(psql_as_app -Atc "$invalid" </dev/null)" = t ] || fail "the fault does not show: the build did not fail"
