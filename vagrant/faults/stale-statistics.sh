# 3,000 avatar projects were imported, and autovacuum is off for the table: the planner goes by the three there were.
# cured by: slow-queries
# gone once cured: what is counted anew cannot be forgotten again, and nobody misses it
# works all the same: a table of this size is read quickly, whatever the planner thinks
# shellcheck source=lib/common.sh

sql "ALTER TABLE avatar_projects SET (autovacuum_enabled = off)"
sql 'ANALYZE avatar_projects'
psql_as_app <<'END' || fail "psql failed"
INSERT INTO avatar_projects (id, "userId", name, "updatedAt")
SELECT 'import-' || g, 'importer', 'Imported', timestamp '2025-10-04 09:00:00' FROM generate_series(1, 3000) g
ON CONFLICT DO NOTHING;
END
stale="SELECT n_mod_since_analyze >= 3000 FROM pg_stat_user_tables WHERE relname = 'avatar_projects'"
deadline=$((SECONDS + PATIENCE))
until [ "$(psql_as_app -Atc "$stale" </dev/null)" = t ]; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the fault does not show: the server counts no changes"
  sleep 0.2
done
