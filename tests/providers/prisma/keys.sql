-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "Status" AS ENUM ('NEW', 'done');

-- CreateTable
CREATE TABLE "accounts" (
    "id" INTEGER NOT NULL,
    "tenant" INTEGER NOT NULL,
    "e_mail" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" "Status" NOT NULL,
    "json" JSONB NOT NULL,
    "tags" TEXT[],
    "ip" INET NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,
    "day" DATE NOT NULL,
    "num" INTEGER NOT NULL,
    "note" TEXT,
    "uuid" UUID NOT NULL,
    "geo" circle,

    CONSTRAINT "accounts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Item" (
    "a" INTEGER NOT NULL,
    "b" TEXT NOT NULL,
    "c" TEXT NOT NULL,
    "ownerId" INTEGER NOT NULL,
    "editorId" INTEGER,
    "teamId" INTEGER,
    "teamKey" TEXT,
    "x" INTEGER NOT NULL,
    "y" INTEGER,
    "ig" INTEGER,

    CONSTRAINT "Item_pkey" PRIMARY KEY ("a","b")
);

-- CreateTable
CREATE TABLE "Team" (
    "id" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "id2" INTEGER NOT NULL,
    "key2" INTEGER NOT NULL,
    "leadId" INTEGER,

    CONSTRAINT "team key" PRIMARY KEY ("id","key")
);

-- CreateTable
CREATE TABLE "Group" (
    "name" VARCHAR(20) NOT NULL,

    CONSTRAINT "group key" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "zébras_zébras_zébras_zébras_zébras" (
    "id" TEXT NOT NULL,
    "ünïcödeÜnïcödeÜnïcödeÜnïcödeÜnïcöde" TEXT NOT NULL,

    CONSTRAINT "zébras_zébras_zébras_zébras_zébras_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "_friends" (
    "A" INTEGER NOT NULL,
    "B" INTEGER NOT NULL,

    CONSTRAINT "_friends_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateTable
CREATE TABLE "_AccountToGroup" (
    "A" INTEGER NOT NULL,
    "B" VARCHAR(20) NOT NULL,

    CONSTRAINT "_AccountToGroup_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateTable
CREATE TABLE "_a_long_relation_name_that_goes_on_and_on_until_postgre" (
    "A" INTEGER NOT NULL,
    "B" VARCHAR(20) NOT NULL,

    CONSTRAINT "_a_long_relation_name_that_goes_on_and_on_until_postgre_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateTable
CREATE TABLE "_GroupToZebra" (
    "A" VARCHAR(20) NOT NULL,
    "B" TEXT NOT NULL,

    CONSTRAINT "_GroupToZebra_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateIndex
CREATE UNIQUE INDEX "account_mail" ON "accounts"("e_mail" DESC);

-- CreateIndex
CREATE INDEX "accounts_name_at_idx" ON "accounts"("name", "at" DESC);

-- CreateIndex
CREATE INDEX "accounts_json_idx" ON "accounts" USING GIN ("json");

-- CreateIndex
CREATE INDEX "json_path" ON "accounts" USING GIN ("json" jsonb_path_ops);

-- CreateIndex
CREATE INDEX "tags_ops" ON "accounts" USING GIN ("tags" array_ops);

-- CreateIndex
CREATE INDEX "accounts_ip_idx" ON "accounts" USING GIST ("ip" inet_ops);

-- CreateIndex
CREATE INDEX "ip_raw" ON "accounts" USING SPGIST ("ip" inet_ops);

-- CreateIndex
CREATE INDEX "name_sp" ON "accounts" USING SPGIST ("name");

-- CreateIndex
CREATE INDEX "name_sp2" ON "accounts" USING SPGIST ("name" text_ops);

-- CreateIndex
CREATE INDEX "accounts_num_at_idx" ON "accounts" USING BRIN ("num" int4_minmax_multi_ops, "at" timestamp_bloom_ops);

-- CreateIndex
CREATE INDEX "accounts_day_uuid_idx" ON "accounts" USING BRIN ("day" date_minmax_ops, "uuid" uuid_bloom_ops);

-- CreateIndex
CREATE INDEX "accounts_at_idx" ON "accounts" USING BRIN ("at");

-- CreateIndex
CREATE INDEX "accounts_uuid_idx" ON "accounts" USING HASH ("uuid");

-- CreateIndex
CREATE INDEX "num_tree" ON "accounts"("num");

-- CreateIndex
CREATE INDEX "accounts_status_idx" ON "accounts"("status");

-- CreateIndex
CREATE INDEX "accounts_geo_idx" ON "accounts" USING GIST ("geo");

-- CreateIndex
CREATE INDEX "pattern_desc" ON "accounts"("name" text_pattern_ops DESC);

-- CreateIndex
CREATE INDEX "accounts_note_idx" ON "accounts"("note") WHERE (note IS NOT NULL AND status = 'NEW');

-- CreateIndex
CREATE INDEX "no_note" ON "accounts"("tenant") WHERE ("note" IS NULL);

-- CreateIndex
CREATE INDEX "some_note" ON "accounts"("tenant") WHERE ("note" IS NOT NULL AND "num" = 3);

-- CreateIndex
CREATE UNIQUE INDEX "accounts_tenant_e_mail_key" ON "accounts"("tenant", "e_mail" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "one_done" ON "accounts"("name") WHERE ("num" != 3 AND "note" = 'it''s');

-- CreateIndex
CREATE UNIQUE INDEX "Item_b_key" ON "Item"("b");

-- CreateIndex
CREATE UNIQUE INDEX "Team_leadId_key" ON "Team"("leadId");

-- CreateIndex
CREATE UNIQUE INDEX "Team_id2_key2_key" ON "Team"("id2", "key2");

-- CreateIndex
CREATE UNIQUE INDEX "zébras_zébras_zébras_zébras_zébras_ünïcödeÜnïcöd_key" ON "zébras_zébras_zébras_zébras_zébras"("ünïcödeÜnïcödeÜnïcödeÜnïcödeÜnïcöde");

-- CreateIndex
CREATE INDEX "_friends_B_index" ON "_friends"("B");

-- CreateIndex
CREATE INDEX "_AccountToGroup_B_index" ON "_AccountToGroup"("B");

-- CreateIndex
CREATE INDEX "_a_long_relation_name_that_goes_on_and_on_until_postgre_B_index" ON "_a_long_relation_name_that_goes_on_and_on_until_postgre"("B");

-- CreateIndex
CREATE INDEX "_GroupToZebra_B_index" ON "_GroupToZebra"("B");

-- AddForeignKey
ALTER TABLE "Item" ADD CONSTRAINT "Item_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Item" ADD CONSTRAINT "Item_editorId_fkey" FOREIGN KEY ("editorId") REFERENCES "accounts"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Item" ADD CONSTRAINT "fk_ignored" FOREIGN KEY ("ig") REFERENCES "accounts"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Item" ADD CONSTRAINT "Item_teamId_teamKey_fkey" FOREIGN KEY ("teamId", "teamKey") REFERENCES "Team"("id", "key") ON DELETE SET DEFAULT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "Item" ADD CONSTRAINT "Item_x_y_fkey" FOREIGN KEY ("x", "y") REFERENCES "Team"("id2", "key2") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Team" ADD CONSTRAINT "Team_leadId_fkey" FOREIGN KEY ("leadId") REFERENCES "accounts"("id") ON DELETE NO ACTION ON UPDATE SET NULL;

-- AddForeignKey
ALTER TABLE "_friends" ADD CONSTRAINT "_friends_A_fkey" FOREIGN KEY ("A") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_friends" ADD CONSTRAINT "_friends_B_fkey" FOREIGN KEY ("B") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_AccountToGroup" ADD CONSTRAINT "_AccountToGroup_A_fkey" FOREIGN KEY ("A") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_AccountToGroup" ADD CONSTRAINT "_AccountToGroup_B_fkey" FOREIGN KEY ("B") REFERENCES "Group"("name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_a_long_relation_name_that_goes_on_and_on_until_postgre" ADD CONSTRAINT "_a_long_relation_name_that_goes_on_and_on_until_postgre_A_fkey" FOREIGN KEY ("A") REFERENCES "accounts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_a_long_relation_name_that_goes_on_and_on_until_postgre" ADD CONSTRAINT "_a_long_relation_name_that_goes_on_and_on_until_postgre_B_fkey" FOREIGN KEY ("B") REFERENCES "Group"("name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_GroupToZebra" ADD CONSTRAINT "_GroupToZebra_A_fkey" FOREIGN KEY ("A") REFERENCES "Group"("name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_GroupToZebra" ADD CONSTRAINT "_GroupToZebra_B_fkey" FOREIGN KEY ("B") REFERENCES "zébras_zébras_zébras_zébras_zébras"("id") ON DELETE CASCADE ON UPDATE CASCADE;


