# PM2 has not got the app, and the ecosystem file names a second one, which must not run here: it would start, too.
# cured by: app-stopped
# shellcheck source=lib/common.sh

make_second_app
delete_app
cat >"$BACKEND/ecosystem.config.js" <<END
module.exports = {
  apps: [
    { name: '$APP_NAME-nightly', script: 'index.js', cwd: '$second' },
    { name: '$APP_NAME', script: 'dist/index.js', cwd: __dirname, env: { NODE_ENV: 'production' } },
  ],
}
END
expect_silence GET /projects
