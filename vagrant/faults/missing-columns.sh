# The 18 persona columns are gone from `avatars`: GET /projects still answers 200, POST answers 500.
# cured by: missing-columns
# shellcheck source=lib/common.sh

columns=(
  personaName personaAge personaPersonality personaBackground
  gender ageRange ethnicity bodyType hairStyle hairColor eyeColor skinTone style
  sourceType generationPrompt seedUsed usageCount lastUsedAt
)

drops=$(printf 'DROP COLUMN IF EXISTS "%s", ' "${columns[@]}")
sql "SET client_min_messages = warning; ALTER TABLE avatars ${drops%, }"

expect_failure 500 P2022 POST /projects '{"name": "Never created"}'
[ "$(status_of GET /projects)" = 200 ] || fail "GET /projects does not answer 200, so more is broken than the columns"
