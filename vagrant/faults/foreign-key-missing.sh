# The foreign key is gone, and its cascade with it: deleting a project leaves its avatars behind, in silence.
# recognised by: foreign-key
# works all the same: the app sees no difference; what it leaves behind comes later
# shellcheck source=lib/common.sh

sql 'ALTER TABLE avatars DROP CONSTRAINT IF EXISTS "avatars_projectId_fkey"'
expect_orphans 0
