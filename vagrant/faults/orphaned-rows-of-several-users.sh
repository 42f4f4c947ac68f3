# Avatars of two users name one project that is gone: whose it was, nobody can say.
# recognised by: orphaned-rows
# works all the same: the app reads projects with their avatars, and no avatar by itself
# shellcheck source=lib/common.sh

sql 'ALTER TABLE avatars DROP CONSTRAINT IF EXISTS "avatars_projectId_fkey"'
lose_projects
sql "UPDATE avatars SET \"userId\" = 'user456' WHERE id = 'ckxorphan0000000000000002'"
expect_orphans 3
