# An import of 12,000 avatar projects was rolled back, and autovacuum is off for the table: it is full of dead rows.
# cured by: vacuum
# gone once cured: the room of rows that are dead is free, and nothing is in it again
# works all the same: a table of this size is read quickly, dead rows and all
# shellcheck source=lib/common.sh

sql "ALTER TABLE avatar_projects SET (autovacuum_enabled = off)"
psql_as_app <<'END' || fail "psql failed"
BEGIN;
INSERT INTO avatar_projects (id, "userId", name, "updatedAt")
SELECT 'import-' || g, 'importer', 'Imported', now() FROM generate_series(1, 12000) g;
ROLLBACK;
END
dead="SELECT n_dead_tup >= 12000 FROM pg_stat_user_tables WHERE relname = 'avatar_projects'"
deadline=$((SECONDS + PATIENCE))
until [ "$(psql_as_app -Atc "$dead" </dev/null)" = t ]; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the fault does not show: the server counts no dead rows"
  sleep 0.2
done
