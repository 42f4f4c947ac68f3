# The build ended halfway: index.js is there, most of what it needs is not, and the app dies at its start.
# cured by: module-not-found
# shellcheck source=lib/common.sh

find "$BACKEND/dist/apps" -name 'avatar-creator.*' ! -name '*routes*' -delete
rm --recursive --force "$BACKEND/dist/middleware"
restart_app
expect_failure 000 "Cannot find module '../../middleware/auth'" GET /projects
