# Projects were deleted where no foreign key was: three avatars name two projects that are gone, and nobody notices.
# recognised by: orphaned-rows
# works all the same: the app reads projects with their avatars, and no avatar by itself
# shellcheck source=lib/common.sh

sql 'ALTER TABLE avatars DROP CONSTRAINT IF EXISTS "avatars_projectId_fkey"'
lose_projects
expect_orphans 3
