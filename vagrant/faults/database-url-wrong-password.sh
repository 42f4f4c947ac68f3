# .env has another password than the database's role: everything that asks the database answers 500.
# cured by: database-unreachable
# shellcheck source=lib/common.sh

{ printf 'DATABASE_URL="%s"\n' "$(url_with_password wrong-horse-battery)"; env_without_url; } | write_env
restart_app
expect_failure 500 P1000 GET /projects
