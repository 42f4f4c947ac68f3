# The foreign key was put back NOT VALID, and nobody has validated it: what was there before was never compared.
# recognised by: foreign-key
# works all the same: what is written from now on is compared
# shellcheck source=lib/common.sh

sql 'ALTER TABLE avatars DROP CONSTRAINT IF EXISTS "avatars_projectId_fkey",
     ADD CONSTRAINT "avatars_projectId_fkey" FOREIGN KEY ("projectId")
     REFERENCES avatar_projects (id) ON DELETE CASCADE ON UPDATE CASCADE NOT VALID'
expect_orphans 0
