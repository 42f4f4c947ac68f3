# PostgreSQL is stopped: everything that asks the database answers 500. Whoever looks after it has to start it.
# recognised by: database-unreachable
# shellcheck source=lib/common.sh

# The parent of our own session is the server; a data directory is not ours to know.
server=$(psql_as_app -t -A <<'END'
SELECT pg_backend_pid() AS pid \gset
\setenv SESSION :pid
\! ps -o ppid= -p "$SESSION"
END
) || fail "psql failed"
kill -INT $server || fail "the server could not be stopped"
while kill -0 $server 2>/dev/null; do sleep 0.1; done
expect_failure 500 P1001 GET /projects
