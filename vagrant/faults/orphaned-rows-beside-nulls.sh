# Avatars may be without a project, and one is; three others name projects that are gone, under a constraint NOT VALID.
# recognised by: orphaned-rows
# works all the same: the app reads projects with their avatars, and no avatar by itself
# shellcheck source=lib/common.sh

schema=$BACKEND/prisma/schema.prisma
sed --in-place -E 's|^(  projectId +)String$|\1String?|; s|^(  project +)AvatarProject (@relation)|\1AvatarProject? \2|' "$schema"
(cd "$BACKEND" && DATABASE_URL=$database_url CHECKPOINT_DISABLE=1 PRISMA_SCHEMA_ENGINE_BINARY=$SCHEMA_ENGINE \
  exec node_modules/.bin/prisma generate >/dev/null 2>&1) || fail "prisma generate failed"
build_anyway
restart_app
sql 'ALTER TABLE avatars ALTER "projectId" DROP NOT NULL, DROP CONSTRAINT IF EXISTS "avatars_projectId_fkey"'
lose_projects
sql "INSERT INTO avatars (id, \"userId\", name, \"baseImageUrl\", \"updatedAt\")
     VALUES ('ckxparentless000000000001', 'user123', 'Of no project', '/static/base.png', '2026-01-01')
     ON CONFLICT (id) DO NOTHING"
sql 'ALTER TABLE avatars ADD CONSTRAINT "avatars_projectId_fkey" FOREIGN KEY ("projectId")
     REFERENCES avatar_projects (id) ON DELETE CASCADE ON UPDATE CASCADE NOT VALID'
expect_orphans 3
