# `echo DATABASE_URL=… >> .env` met a last line without an end: two URLs are one, which names no database.
# cured by: database-unreachable
# shellcheck source=lib/common.sh

{ env_without_url; printf 'DATABASE_URL=%s' "${database_url%%\?*}"; } | write_env
echo "DATABASE_URL=$database_url" >>"$BACKEND/.env"
restart_app
expect_failure 500 P1003 GET /projects
