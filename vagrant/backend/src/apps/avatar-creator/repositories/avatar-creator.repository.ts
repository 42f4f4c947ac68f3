import prisma from '../../../db/client'

export interface NewAvatar {
  id?: string
  name: string
  baseImageUrl: string
}

// Counts avatars without reading their columns, so a column missing from `avatars` does not break the list.
export async function findProjectsByUserId(userId: string) {
  return prisma.avatarProject.findMany({
    where: { userId },
    orderBy: { createdAt: 'desc' },
    take: 50,
    include: { _count: { select: { avatars: true } } },
  })
}

export async function findProject(userId: string, id: string) {
  return prisma.avatarProject.findFirst({ where: { id, userId }, include: { avatars: true } })
}

// The project and its first avatar are one transaction: a failed create leaves no half of it behind.
export async function createProject(userId: string, name: string, description?: string) {
  return prisma.avatarProject.create({
    data: {
      userId,
      name,
      description,
      avatars: { create: { userId, name: `${name} (base)`, baseImageUrl: '/static/base.png' } },
    },
    include: { avatars: true },
  })
}

export async function createAvatar(userId: string, projectId: string, avatar: NewAvatar) {
  return prisma.avatar.create({ data: { ...avatar, userId, projectId } })
}

export async function deleteProject(userId: string, id: string) {
  return prisma.avatarProject.delete({ where: { id, userId } })
}
