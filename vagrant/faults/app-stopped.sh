# Somebody stopped the app and did not start it again: PM2 has it as `stopped`, nothing listens.
# cured by: app-stopped
# shellcheck source=lib/common.sh

timeout 30 pm2 stop "$APP_NAME" >/dev/null || fail "pm2 stop $APP_NAME failed"
expect_silence GET /projects
