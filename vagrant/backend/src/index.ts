import 'dotenv/config'
import express, { type NextFunction, type Request, type Response } from 'express'
import avatarCreator from './apps/avatar-creator/avatar-creator.routes'

const app = express()

// The combined log format with the seconds a request took after it, as nginx writes `$request_time`; no query, no token.
app.use((request: Request, response: Response, next: NextFunction) => {
  const began = process.hrtime.bigint()
  response.on('finish', () => {
    const seconds = (Number(process.hrtime.bigint() - began) / 1e9).toFixed(3)
    const what = `${request.method} ${request.originalUrl.split('?')[0].replaceAll('"', '%22')} HTTP/${request.httpVersion}`
    console.log(`${request.ip} - - [${stamp(new Date())}] "${what}" ${response.statusCode} - "-" "-" ${seconds}`)
  })
  next()
})
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

function stamp(now: Date): string {
  const [, day, month, year, time] = now.toUTCString().split(' ')
  return `${day}/${month}/${year}:${time} +0000`
}

const port = Number(process.env.PORT ?? 3000)
const host = process.env.HOST ?? '127.0.0.1'

app.listen(port, host, (error?: Error) => {
  if (error) throw error
  console.log(`${new Date().toISOString()} lumiku-backend listening on ${host}:${port}`)
})
