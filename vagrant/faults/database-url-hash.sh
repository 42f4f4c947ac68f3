# The password was changed to one with a # in it, and written into .env without quotes: dotenv cuts it there.
# cured by: database-unreachable
# shellcheck source=lib/common.sh

sql "ALTER ROLE CURRENT_USER PASSWORD 'correct#horse#battery'"
{ env_without_url; printf 'DATABASE_URL=%s # changed\n' "$(url_with_password 'correct#horse#battery')"; } | write_env
restart_app
expect_failure 500 ERR_INVALID_URL GET /projects
