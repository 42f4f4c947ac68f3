# Runs inside a host, as root where there is one: a second app, of another user, with spaces in its paths.
# Settings: FIRST (the first app's backend), APP_NAME, APP_ROOT, APP_USER, BACKEND, ENVIRONMENT (what is in .env)
# shellcheck shell=bash
set -euo pipefail
umask 022

mkdir -p "$APP_ROOT/the logs"
cp -a "$FIRST" "$BACKEND"
rm -f "$BACKEND/.env"
(umask 077; printf '%s' "$ENVIRONMENT" >"$BACKEND/.env")
cat >"$BACKEND/ecosystem.config.js" <<END
module.exports = {
  apps: [
    {
      name: '$APP_NAME',
      script: 'dist/index.js',
      cwd: __dirname,
      out_file: '../the logs/said.log',
      error_file: '../the logs/went wrong.log',
      env: { NODE_ENV: 'production' },
    },
  ],
}
END

become=()
if [ "$(id -u)" = 0 ]; then
  chown -R "$APP_USER:" "$APP_ROOT"
  become=(setpriv "--reuid=$APP_USER" "--regid=$APP_USER" --clear-groups)
fi
cd "$BACKEND"
"${become[@]}" env -i "HOME=/home/$APP_USER" "USER=$APP_USER" LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin \
  pm2 start ecosystem.config.js >/dev/null 2>&1 </dev/null
