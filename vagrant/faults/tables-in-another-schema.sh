# The tables lie in another schema than the one the app looks into; to migrate would make a second, empty set of them.
# recognised by: missing-tables
# shellcheck source=lib/common.sh

for table in avatar_projects avatars _prisma_migrations; do
  sql "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS backend;
       ALTER TABLE IF EXISTS public.$table SET SCHEMA backend"
done
expect_failure 500 P2021 GET /projects
