# Somebody edited the build by hand: the app dies 300 ms after its start, and PM2 starts it until it gives up.
# cured by: crash-loop
# shellcheck source=lib/common.sh

grep --quiet 'out of slots' "$BACKEND/dist/index.js" ||
  printf '\n%s\n' "setTimeout(() => { throw new Error('worker pool: out of slots') }, 300)" >>"$BACKEND/dist/index.js"
restart_app
expect_failure 000 'Error: worker pool: out of slots' GET /projects
