# `sourceType` is no longer NOT NULL, and an avatar has none: the API hands out null where all code expects a text.
# cured by: null-values
# works all the same: the client of Prisma 7 takes the NULL without a word; that of Prisma 6 fails over it (P2032)
# shellcheck source=lib/common.sh

sql 'ALTER TABLE avatars ALTER "sourceType" DROP NOT NULL'
sql "UPDATE avatars SET \"sourceType\" = NULL WHERE id = 'ckxavatar00000000000000003'"
[ "$(status_of GET /projects/ckxproject0000000000000002)" = 200 ] || fail "its project does not answer 200"
