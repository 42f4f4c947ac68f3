# One column is missing and another one is too many: there are 26, which is all that the runbook counts.
# cured by: missing-columns
# shellcheck source=lib/common.sh

sql 'SET client_min_messages = warning; ALTER TABLE avatars
     DROP COLUMN IF EXISTS "personaName", ADD COLUMN IF NOT EXISTS "personaNickname" TEXT'
expect_failure 500 P2022 POST /projects '{"name": "Never created"}'
