# An index of schema.prisma is gone: all answers are right, and every list of a user's avatars reads the whole table.
# cured by: slow-queries
# works all the same: a table of this size is read quickly, index or not
# shellcheck source=lib/common.sh

sql 'DROP INDEX IF EXISTS "avatars_userId_idx"'
