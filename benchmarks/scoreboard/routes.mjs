/** What each server of the scoreboard answers, whatever it is built on. */
import express from 'express'

/** More than the buffers of a connection hold. */
const large = Buffer.alloc(20 * 1024 * 1024, 'x')

/** As a handler of plain http. */
export function handler(request, response) {
  if (request.method === 'POST') request.resume().on('end', () => response.end('taken'))
  else if (request.url === '/slow') setTimeout(() => response.end('at last'), 800)
  else if (request.url === '/large') response.end(large)
  else if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')
    request.draining?.addEventListener('abort', () => response.end())
  } else response.end('hello')
}

export function expressRoutes() {
  const app = express()
  app.get('/', (_request, response) => response.send('hello'))
  app.use(handler)
  return app
}

export function fastifyRoutes(app) {
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => {
    payload.resume().on('end', () => done(null, ''))
  })
  app.get('/', () => 'hello')
  app.post('/upload', () => 'taken')
  for (const path of ['/slow', '/large', '/events'])
    app.get(path, (request, reply) => {
      reply.hijack()
      request.raw.draining = request.draining
      handler(request.raw, reply.raw)
    })
}

export function koaRoutes(app) {
  app.use((context) => {
    if (context.path === '/') {
      context.body = 'hello'
      return
    }
    context.respond = false
    // Koa's own is 404.
    context.res.statusCode = 200
    context.req.draining = context.draining
    handler(context.req, context.res)
  })
}

export const port = Number(process.env.PORT ?? 3000)
export const host = '127.0.0.1'
