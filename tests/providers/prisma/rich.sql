-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "roles" AS ENUM ('USER', 'admin');

-- CreateEnum
CREATE TYPE "Plain" AS ENUM ('A', 'B');

-- CreateTable
CREATE TABLE "User" (
    "id" SERIAL NOT NULL,
    "uuid" UUID NOT NULL,
    "duuid" UUID NOT NULL DEFAULT gen_random_uuid(),
    "cuid" TEXT NOT NULL,
    "nano" TEXT NOT NULL,
    "ulid" TEXT NOT NULL,
    "e_mail" VARCHAR(255) NOT NULL,
    "c" CHAR(3) NOT NULL DEFAULT 'abc',
    "role" "roles" NOT NULL DEFAULT 'USER',
    "role2" "roles" DEFAULT 'admin',
    "roles" "roles"[] DEFAULT ARRAY['USER', 'admin']::"roles"[],
    "plain" "Plain" NOT NULL,
    "tags" TEXT[],
    "tagsd" TEXT[] DEFAULT ARRAY['a', 'b''c']::TEXT[],
    "nums" INTEGER[] DEFAULT ARRAY[1, 2]::INTEGER[],
    "big" BIGINT NOT NULL DEFAULT 9007199254740993,
    "f" DOUBLE PRECISION NOT NULL DEFAULT 1.5,
    "r" REAL NOT NULL,
    "d" DECIMAL(65,30) NOT NULL DEFAULT 3.14,
    "d2" DECIMAL(10,2) NOT NULL,
    "m" MONEY NOT NULL,
    "s" SMALLINT NOT NULL,
    "o" OID NOT NULL,
    "b" BOOLEAN NOT NULL DEFAULT true,
    "bit" BIT(4) NOT NULL,
    "vbit" VARBIT(8) NOT NULL,
    "vbit2" VARBIT NOT NULL,
    "bitb" BOOLEAN NOT NULL,
    "xml" XML NOT NULL,
    "inet" INET NOT NULL,
    "citext" CITEXT NOT NULL,
    "j" JSONB NOT NULL DEFAULT '{"a": 1}',
    "j2" JSON,
    "by" BYTEA NOT NULL DEFAULT '\x6869',
    "dt" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "dt2" TIMESTAMP(3) NOT NULL DEFAULT '2020-01-02 03:04:05.678 +00:00',
    "dtz" TIMESTAMPTZ NOT NULL,
    "date" DATE NOT NULL,
    "time" TIME(3) NOT NULL,
    "timetz" TIMETZ NOT NULL,
    "ts" TIMESTAMP NOT NULL,
    "ts0" TIMESTAMP(0) NOT NULL,
    "upd" TIMESTAMP(3) NOT NULL,
    "updn" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "un" tsvector,
    "und" circle DEFAULT '<(10,4),11>'::circle,
    "ig" TEXT,
    "neg" INTEGER NOT NULL DEFAULT -5,
    "txt" TEXT NOT NULL DEFAULT 'multi "quoted" \ back
line',
    "vc0" VARCHAR NOT NULL,
    "managerId" INTEGER,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "posts" (
    "a" INTEGER NOT NULL,
    "b" TEXT NOT NULL,
    "authorId" INTEGER NOT NULL,

    CONSTRAINT "post_pk" PRIMARY KEY ("a","b")
);

-- CreateTable
CREATE TABLE "Category" (
    "id" INTEGER NOT NULL,

    CONSTRAINT "cat_pk" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Category2" (
    "id" BIGSERIAL NOT NULL,
    "sid" SMALLSERIAL NOT NULL,

    CONSTRAINT "Category2_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Profile" (
    "id" TEXT NOT NULL,
    "userId" INTEGER,

    CONSTRAINT "Profile_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "TagA" (
    "id" INTEGER NOT NULL,

    CONSTRAINT "TagA_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "TagB" (
    "id" TEXT NOT NULL,

    CONSTRAINT "TagB_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Self" (
    "id" INTEGER NOT NULL,
    "pid" INTEGER,
    "pid2" INTEGER,
    "id2" INTEGER NOT NULL,

    CONSTRAINT "Self_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AVeryLongModelNameThatGoesOnAndOnAndOnUntilItIsTooLongForPostgresIdentifiers" (
    "id" INTEGER NOT NULL,
    "anotherVeryLongFieldName" TEXT NOT NULL,

    CONSTRAINT "AVeryLongModelNameThatGoesOnAndOnAndOnUntilItIsTooLongForP_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "_TagAToTagB" (
    "A" INTEGER NOT NULL,
    "B" TEXT NOT NULL,

    CONSTRAINT "_TagAToTagB_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateIndex
CREATE UNIQUE INDEX "User_uuid_key" ON "User"("uuid");

-- CreateIndex
CREATE UNIQUE INDEX "User_e_mail_key" ON "User"("e_mail");

-- CreateIndex
CREATE INDEX "my_idx" ON "User"("f", "r" DESC);

-- CreateIndex
CREATE INDEX "User_e_mail_idx" ON "User"("e_mail" text_pattern_ops);

-- CreateIndex
CREATE INDEX "User_tags_idx" ON "User" USING GIN ("tags");

-- CreateIndex
CREATE INDEX "User_s_idx" ON "User" USING HASH ("s");

-- CreateIndex
CREATE UNIQUE INDEX "User_c_s_key" ON "User"("c", "s");

-- CreateIndex
CREATE UNIQUE INDEX "co_map" ON "User"("c", "o");

-- CreateIndex
CREATE UNIQUE INDEX "Profile_userId_key" ON "Profile"("userId");

-- CreateIndex
CREATE UNIQUE INDEX "Self_id_id2_key" ON "Self"("id", "id2");

-- CreateIndex
CREATE INDEX "AVeryLongModelNameThatGoesOnAndOnAndOnUntilItIsTooLongForPo_idx" ON "AVeryLongModelNameThatGoesOnAndOnAndOnUntilItIsTooLongForPostgresIdentifiers"("anotherVeryLongFieldName");

-- CreateIndex
CREATE INDEX "_TagAToTagB_B_index" ON "_TagAToTagB"("B");

-- AddForeignKey
ALTER TABLE "User" ADD CONSTRAINT "User_managerId_fkey" FOREIGN KEY ("managerId") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "posts" ADD CONSTRAINT "fk_author" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "Profile" ADD CONSTRAINT "Profile_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Self" ADD CONSTRAINT "Self_pid_pid2_fkey" FOREIGN KEY ("pid", "pid2") REFERENCES "Self"("id", "id2") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_TagAToTagB" ADD CONSTRAINT "_TagAToTagB_A_fkey" FOREIGN KEY ("A") REFERENCES "TagA"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_TagAToTagB" ADD CONSTRAINT "_TagAToTagB_B_fkey" FOREIGN KEY ("B") REFERENCES "TagB"("id") ON DELETE CASCADE ON UPDATE CASCADE;


