-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');

-- CreateTable
CREATE TABLE "User" (
    "id" SERIAL NOT NULL,
    "role" "Role" NOT NULL DEFAULT 'USER',
    "roles" "Role"[] DEFAULT ARRAY['USER']::"Role"[],
    "note" TEXT NOT NULL DEFAULT 'a
b, (c"d''',
    "amount" DECIMAL(10,2) NOT NULL,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "posts; odd" (
    "id" TEXT NOT NULL,
    "authorId" INTEGER NOT NULL,
    "tags" TEXT[],

    CONSTRAINT "posts; odd_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "_f" (
    "A" INTEGER NOT NULL,
    "B" INTEGER NOT NULL,

    CONSTRAINT "_f_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateIndex
CREATE UNIQUE INDEX "posts; odd_authorId_key" ON "posts; odd"("authorId");

-- CreateIndex
CREATE INDEX "posts; odd_tags_idx" ON "posts; odd" USING GIN ("tags");

-- CreateIndex
CREATE INDEX "_f_B_index" ON "_f"("B");

-- AddForeignKey
ALTER TABLE "posts; odd" ADD CONSTRAINT "posts; odd_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_f" ADD CONSTRAINT "_f_A_fkey" FOREIGN KEY ("A") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_f" ADD CONSTRAINT "_f_B_fkey" FOREIGN KEY ("B") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;


