# PM2 holds an old DATABASE_URL for the process, which wins over the right one in .env at every restart.
# cured by: database-unreachable
# shellcheck source=lib/common.sh

env -i PATH="$PATH" HOME="$HOME" ${PM2_HOME:+PM2_HOME="$PM2_HOME"} \
  DATABASE_URL="$(url_with_host 127.0.0.9:5432)" timeout 30 pm2 restart "$APP_NAME" --update-env >/dev/null ||
  fail "pm2 restart $APP_NAME --update-env failed"
expect_failure 500 P1001 GET /projects
save_apps # the next boot would bring it back
restart_app # .env is right, and it does not help
expect_failure 500 P1001 GET /projects
