# The repository imports `{ prisma }`, which db/client does not export: every endpoint answers 500.
# cured by: prisma-import
# shellcheck source=lib/common.sh

repository=$BACKEND/src/apps/avatar-creator/repositories/avatar-creator.repository.ts

sed --in-place "s|^import prisma from '\(.*/db/client\)'|import { prisma } from '\1'|" "$repository"
grep --quiet "^import { prisma } from '.*/db/client'" "$repository" || fail "$repository: has no import of db/client to break"

build_anyway
restart_app
expect_failure 500 "Cannot read properties of undefined (reading 'avatarProject')" GET /projects
