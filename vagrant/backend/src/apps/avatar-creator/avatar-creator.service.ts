import * as repository from './repositories/avatar-creator.repository'

export interface ProjectRequest {
  name?: unknown
  description?: unknown
}

export interface AvatarRequest {
  id?: string
  name?: string
  baseImageUrl?: string
}

export class AvatarCreatorService {
  getUserProjects(userId: string) {
    return repository.findProjectsByUserId(userId)
  }

  getProject(userId: string, id: string) {
    return repository.findProject(userId, id)
  }

  createProject(userId: string, body: ProjectRequest | undefined) {
    if (typeof body?.name !== 'string' || body.name.trim() === '') {
      throw Object.assign(new Error('name is required'), { status: 400 })
    }
    const description = typeof body.description === 'string' ? body.description : undefined
    return repository.createProject(userId, body.name, description)
  }

  createAvatar(userId: string, projectId: string, body: AvatarRequest | undefined) {
    return repository.createAvatar(userId, projectId, {
      id: body?.id,
      name: body?.name ?? 'avatar',
      baseImageUrl: body?.baseImageUrl ?? '/static/base.png',
    })
  }

  deleteProject(userId: string, id: string) {
    return repository.deleteProject(userId, id)
  }
}
