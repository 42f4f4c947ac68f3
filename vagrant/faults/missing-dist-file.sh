# One file of the build is gone: nothing shows until a restart, then the app dies at once, again and again.
# cured by: module-not-found
# shellcheck source=lib/common.sh

rm --force "$BACKEND/dist/db/client.js"
restart_app
expect_failure 000 "Cannot find module '../../../db/client'" GET /projects
