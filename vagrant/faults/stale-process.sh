# A broken build went live, then it was mended and built again, and nobody restarted: the old one goes on answering 500.
# cured by: stale-process
# gone once cured: what the old process ran was in its memory only
# shellcheck source=lib/common.sh

repository=$BACKEND/src/apps/avatar-creator/repositories/avatar-creator.repository.ts

sed --in-place "s|^import prisma from '\(.*/db/client\)'|import { prisma } from '\1'|" "$repository"
build_anyway
restart_app
expect_failure 500 "Cannot read properties of undefined (reading 'avatarProject')" GET /projects
sed --in-place "s|^import { prisma } from '\(.*/db/client\)'|import prisma from '\1'|" "$repository"
build_anyway
expect_failure 500 "Cannot read properties of undefined (reading 'avatarProject')" GET /projects
