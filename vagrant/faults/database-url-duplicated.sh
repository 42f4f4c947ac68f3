# .env sets DATABASE_URL twice, and the last line, which counts, is the old one with a host that is gone.
# cured by: database-unreachable
# shellcheck source=lib/common.sh

printf '# before the move\nDATABASE_URL=%s\n' "$(url_with_host 127.0.0.9:5432)" >>"$BACKEND/.env"
restart_app
expect_failure 500 P1001 GET /projects
