# .env names a database host where nothing listens: everything that asks the database answers 500.
# cured by: database-unreachable
# shellcheck source=lib/common.sh

{ env_without_url; printf 'DATABASE_URL="%s"\n' "$(url_with_host 127.0.0.9:5432)"; } | write_env
restart_app
expect_failure 500 P1001 GET /projects
