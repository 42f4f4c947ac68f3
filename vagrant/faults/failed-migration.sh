# A deployment's migration failed (P3018) and blocks all others (P3009); its code went live, and asks for its column.
# recognised by: failed-migration
# shellcheck source=lib/common.sh

schema=$BACKEND/prisma/schema.prisma
migration=$BACKEND/prisma/migrations/20251101000000_avatar_caption

prisma_says() { # ARGUMENTS
  local engine=/opt/schema-engine/schema-engine # the lab's; elsewhere Prisma has its own
  [ ! -x "$engine" ] || export PRISMA_SCHEMA_ENGINE_BINARY=$engine
  CHECKPOINT_DISABLE=1 timeout 60 env -C "$BACKEND" node_modules/.bin/prisma "$@" </dev/null 2>&1
}

grep --quiet caption "$schema" || sed --in-place 's|^  lastUsedAt  *DateTime?|&\n  caption            String?|' "$schema"
mkdir --parents "$migration"
cat >"$migration/migration.sql" <<'END'
-- One avatar for each user, which is not how it is.
CREATE UNIQUE INDEX "avatars_userId_key" ON "avatars"("userId");
ALTER TABLE "avatars" ADD COLUMN "caption" TEXT;
END
prisma_says migrate deploy | grep --quiet --extended-regexp 'P3018|P3009' || fail "the migration did not fail"
prisma_says generate >/dev/null || fail "prisma generate failed"
build_anyway
restart_app
expect_failure 500 P2022 POST /projects '{"name": "Never created"}'
