# A deployment whose sources do not compile went live: tsc ended with exit code 2, wrote its build even so, GET is a 500.
# cured by: post-deploy-500
# shellcheck source=lib/common.sh

service=$BACKEND/src/apps/avatar-creator/avatar-creator.service.ts

[ -e "$BACKEND/dist.previous" ] || cp --archive "$BACKEND/dist" "$BACKEND/dist.previous"
sed --in-place 's|repository.findProjectsByUserId(|repository.findRecentProjects(|' "$service"
! env -C "$BACKEND" node_modules/.bin/tsc -p tsconfig.json >/dev/null || fail "tsc takes what does not compile"
restart_app
expect_failure 500 'findRecentProjects is not a function' GET /projects
