# PM2 has not got the app any more, as after a `pm2 delete` whose `pm2 start` was forgotten: nothing listens.
# cured by: app-stopped
# shellcheck source=lib/common.sh

save_apps # for the next boot
delete_app
expect_silence GET /projects
