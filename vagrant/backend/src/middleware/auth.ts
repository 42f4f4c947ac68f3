import type { NextFunction, Request, Response } from 'express'

export interface AuthenticatedRequest extends Request {
  userId?: string
}

// One token, one user: enough to practise on. Without API_TOKEN nobody gets in.
export function requireUser(request: AuthenticatedRequest, response: Response, next: NextFunction): void {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ')
  const expected = process.env.API_TOKEN
  if (!expected || scheme !== 'Bearer' || token !== expected) {
    response.status(401).json({ error: 'Unauthorized' })
    return
  }
  request.userId = 'user123'
  next()
}
