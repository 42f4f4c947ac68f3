# PM2 holds an old DATABASE_URL for the process, which wins over the right one in .env at every restart.
# cured by: database-unreachable
# shellcheck source=lib/common.sh

# PM2 takes all that is exported. What is exported stands in no list of arguments, as what `env` is given would.
old=$(url_with_host 127.0.0.9:5432)
(
  for name in $(compgen -e); do
    case $name in PATH | HOME | PM2_HOME) ;; *) unset "$name" ;; esac
  done
  export DATABASE_URL=$old
  timeout 30 pm2 restart "$APP_NAME" --update-env >/dev/null
) || fail "pm2 restart $APP_NAME --update-env failed"
expect_failure 500 P1001 GET /projects
save_apps # the next boot would bring it back
restart_app # .env is right, and it does not help
expect_failure 500 P1001 GET /projects
