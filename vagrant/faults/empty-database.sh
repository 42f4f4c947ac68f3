# No migration ever ran: the database is empty of everything, and everything that asks it answers 500.
# cured by: missing-tables
# no way back: Prisma has no way down, and tables that are empty today are not tomorrow
# shellcheck source=lib/common.sh

sql 'SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public'
expect_failure 500 P2021 GET /projects
