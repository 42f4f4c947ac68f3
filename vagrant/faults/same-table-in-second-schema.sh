# A column is missing, and a table of the same name in another schema has it: information_schema shows it as there.
# cured by: missing-columns
# shellcheck source=lib/common.sh

sql 'SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS staging;
     CREATE TABLE IF NOT EXISTS staging.avatars (LIKE public.avatars INCLUDING ALL);
     ALTER TABLE public.avatars DROP COLUMN IF EXISTS "personaName"'
expect_failure 500 P2022 POST /projects '{"name": "Never created"}'
