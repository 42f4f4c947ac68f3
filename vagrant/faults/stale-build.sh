# A broken build went live, then its sources were mended, and nobody built again: the app goes on answering 500.
# cured by: stale-process
# shellcheck source=lib/common.sh

repository=$BACKEND/src/apps/avatar-creator/repositories/avatar-creator.repository.ts

sed --in-place "s|^import prisma from '\(.*/db/client\)'|import { prisma } from '\1'|" "$repository"
build_anyway
restart_app
sed --in-place "s|^import { prisma } from '\(.*/db/client\)'|import prisma from '\1'|" "$repository"
expect_failure 500 "Cannot read properties of undefined (reading 'avatarProject')" GET /projects
