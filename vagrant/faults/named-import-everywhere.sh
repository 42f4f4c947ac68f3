# Two files import the database client by a name it does not export, one under an alias and over several lines.
# cured by: prisma-import
# shellcheck source=lib/common.sh

creator=$BACKEND/src/apps/avatar-creator
repository=$creator/repositories/avatar-creator.repository.ts
service=$creator/avatar-creator.service.ts

# What a comment or a string says of `{ prisma }` is no import.
grep --quiet 'as database' "$repository" || sed --in-place --regexp-extended \
  -e "1s|^import prisma from '(.*)'|// not: import { prisma } from '\1'\nimport {\n  prisma as database, // shared\n} from '\1'|" \
  -e 's|return prisma\.|return database.|' "$repository"
grep --quiet countProjects "$service" || sed --in-place \
  -e "1i import { prisma } from '../../db/client'" \
  -e 's|^export class AvatarCreatorService {|&\n  countProjects(userId: string) {\n    return prisma.avatarProject.count({ where: { userId } })\n  }\n|' \
  "$service"

build_anyway
restart_app
expect_failure 500 "Cannot read properties of undefined (reading 'avatarProject')" GET /projects
