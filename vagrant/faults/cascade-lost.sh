# The foreign key lost its ON DELETE CASCADE: everything can be made, and deleting a project answers 500.
# recognised by: foreign-key
# shellcheck source=lib/common.sh

sql 'ALTER TABLE avatars DROP CONSTRAINT IF EXISTS "avatars_projectId_fkey",
     ADD CONSTRAINT "avatars_projectId_fkey" FOREIGN KEY ("projectId")
     REFERENCES avatar_projects (id) ON DELETE RESTRICT ON UPDATE CASCADE'
expect_failure 500 P2003 DELETE /projects/ckxproject0000000000000001
