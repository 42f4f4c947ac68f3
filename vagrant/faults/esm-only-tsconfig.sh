# tsconfig.json emits ES modules, which tsc builds without a word and Node cannot load: their imports have no extension.
# cured by: esm-commonjs
# shellcheck source=lib/common.sh

sed --in-place -e 's|"module": "commonjs"|"module": "esnext"|' \
  -e 's|"moduleResolution": "node10"|"moduleResolution": "bundler"|' "$BACKEND/tsconfig.json"
build_anyway
restart_app
expect_failure 000 ERR_MODULE_NOT_FOUND GET /projects
