# The database has a column that the schema has not, NOT NULL and without default: GET answers 200, POST 500.
# recognised by: partial-schema
# shellcheck source=lib/common.sh

sql "SET client_min_messages = warning; ALTER TABLE avatars ADD COLUMN IF NOT EXISTS tenant TEXT NOT NULL DEFAULT 'one';
     ALTER TABLE avatars ALTER tenant DROP DEFAULT"
expect_failure 500 P2011 POST /projects '{"name": "Never created"}'
