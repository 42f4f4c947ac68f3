import { Router } from 'express'
import { requireUser, type AuthenticatedRequest } from '../../middleware/auth'
import { AvatarCreatorService } from './avatar-creator.service'

const service = new AvatarCreatorService()
const router = Router()

router.use(requireUser)

router.get('/projects', async (request: AuthenticatedRequest, response) => {
  response.json(await service.getUserProjects(request.userId!))
})

router.post('/projects', async (request: AuthenticatedRequest, response) => {
  response.json(await service.createProject(request.userId!, request.body))
})

router.get('/projects/:id', async (request: AuthenticatedRequest, response) => {
  const project = await service.getProject(request.userId!, String(request.params.id))
  if (!project) response.status(404).json({ error: 'Not found' })
  else response.json(project)
})

router.delete('/projects/:id', async (request: AuthenticatedRequest, response) => {
  await service.deleteProject(request.userId!, String(request.params.id))
  response.status(204).end()
})

router.post('/projects/:id/avatars', async (request: AuthenticatedRequest, response) => {
  response.json(await service.createAvatar(request.userId!, String(request.params.id), request.body))
})

export default router
