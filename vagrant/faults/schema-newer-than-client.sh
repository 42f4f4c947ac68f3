# A column was renamed in schema and database, the Prisma client still asks for the old name: POST answers 500.
# cured by: prisma-client-out-of-sync
# shellcheck source=lib/common.sh

schema=$BACKEND/prisma/schema.prisma
grep --quiet persona_name "$schema" || {
  sed --in-place 's|^  personaName        String?|& @map("persona_name")|' "$schema"
  sql 'ALTER TABLE avatars RENAME COLUMN "personaName" TO persona_name'
}
expect_failure 500 P2022 POST /projects '{"name": "Never created"}'
