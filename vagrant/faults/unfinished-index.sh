# CREATE INDEX CONCURRENTLY failed halfway: the index is there by its name, and invalid; IF NOT EXISTS calls it done.
# cured by: slow-queries
# gone once cured: what a failed build left served nobody, and is not made again
# works all the same: a table of this size is read quickly, index or not
# shellcheck source=lib/common.sh

sql 'DROP INDEX IF EXISTS "avatars_userId_idx"'
# A reader that stays where it is; the build waits for it until its lock_timeout, as it would in a deployment.
psql_as_app -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' -c 'SELECT count(*) FROM avatars' -c 'SELECT pg_sleep(3)' \
  >/dev/null 2>&1 </dev/null &
reader=$!
invalid="SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('\"avatars_userId_idx\"') AND NOT indisvalid)"
deadline=$((SECONDS + PATIENCE))
until [ "$(psql_as_app -Atc "$invalid" </dev/null)" = t ]; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the fault does not show: no build fails"
  psql_as_app -c "SET lock_timeout = '300ms'" -c 'DROP INDEX CONCURRENTLY IF EXISTS "avatars_userId_idx"' \
    -c 'CREATE INDEX CONCURRENTLY "avatars_userId_idx" ON avatars ("userId")' >/dev/null 2>&1 </dev/null || true
done
kill "$reader" 2>/dev/null
wait "$reader" 2>/dev/null
true
