import 'dotenv/config'
import express, { type NextFunction, type Request, type Response } from 'express'
import avatarCreator from './apps/avatar-creator/avatar-creator.routes'

const app = express()
app.use(express.json())

// Says only that the process answers: it deliberately asks nothing of the database.
app.get('/health', (_request, response) => {
  response.json({ status: 'ok', pid: process.pid, uptime: process.uptime() })
})
app.use('/api/apps/avatar-creator', avatarCreator)

type HttpError = Error & { status?: number; code?: string }

app.use((error: HttpError, request: Request, response: Response, _next: NextFunction) => {
  const status = error.status ?? 500
  if (status >= 500) {
    console.error(`${new Date().toISOString()} ERROR ${request.method} ${request.originalUrl}`, error)
  }
  const message = status >= 500 ? 'Internal Server Error' : error.message
  response.status(status).json({ error: message, code: error.code })
})

const port = Number(process.env.PORT ?? 3000)
const host = process.env.HOST ?? '127.0.0.1'

app.listen(port, host, (error?: Error) => {
  if (error) throw error
  console.log(`${new Date().toISOString()} lumiku-backend listening on ${host}:${port}`)
})
