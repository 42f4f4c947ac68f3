# Schema, database and code have a new field, the Prisma client was not made anew: POST /projects answers 500.
# cured by: prisma-validation
# shellcheck source=lib/common.sh

schema=$BACKEND/prisma/schema.prisma
repository=$BACKEND/src/apps/avatar-creator/repositories/avatar-creator.repository.ts

grep --quiet coverUrl "$schema" || sed --in-place 's|^  description String?|&\n  coverUrl    String?|' "$schema"
grep --quiet coverUrl "$repository" || sed --in-place "s|^      description,|&\n      coverUrl: '/static/cover.png',|" "$repository"
sql 'SET client_min_messages = warning; ALTER TABLE avatar_projects ADD COLUMN IF NOT EXISTS "coverUrl" TEXT'
build_anyway
restart_app
# shellcheck disable=SC2016  (Prisma's own backticks)
expect_failure 500 'Unknown argument `coverUrl`' POST /projects '{"name": "Never created"}'
