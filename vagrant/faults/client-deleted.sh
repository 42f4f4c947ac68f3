# The generated Prisma client is gone, as after an install without its scripts: the app dies at its start.
# cured by: prisma-client-out-of-sync
# shellcheck source=lib/common.sh

rm --recursive --force "$BACKEND/node_modules/.prisma/client"
restart_app
expect_failure 000 "Cannot find module '.prisma/client/default'" GET /projects
