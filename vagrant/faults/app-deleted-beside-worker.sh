# PM2 has not got the app, but one whose name begins with its name runs: `pm2 list | grep` would take it for the app.
# cured by: app-stopped
# shellcheck source=lib/common.sh

make_second_app
timeout 30 pm2 start "$second/index.js" --name "$APP_NAME-worker" --cwd "$second" >/dev/null ||
  fail "pm2 start $APP_NAME-worker failed"
delete_app
expect_silence GET /projects
