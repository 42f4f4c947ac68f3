# package.json says "type": "module" over a CommonJS build: PM2 calls the app online, but nothing listens.
# cured by: esm-commonjs
# shellcheck source=lib/common.sh

package=$BACKEND/package.json
grep --quiet '"type"' "$package" || sed --in-place 's|^  "private": true,|&\n  "type": "module",|' "$package"
restart_app
expect_failure 000 'exports is not defined in ES module scope' GET /projects
