import type { FaultKind } from './verdict.ts'

/** The usual cause of a fault, and how to fix it. */
export interface Cure {
  readonly cause: string
  readonly express: string
  readonly koa: string
  readonly fastify: string
  readonly elsewhere: string
}

export type CureName = keyof typeof cures

const zerodrop = {
  express: 'app.use(graceful()) from @zerodrop/express',
  koa: 'app.use(graceful()) from @zerodrop/koa',
  fastify: 'app.register(gracefulPlugin) from @zerodrop/fastify',
}

const closing = "process.once('SIGTERM', () => server.close(() => process.exit(0)))"

export const cures = {
  noHandler: {
    cause:
      'nothing in the process handles the signal, so it ends the process at once and every response with it',
    express: `${zerodrop.express}; by hand, ${closing}`,
    koa: `${zerodrop.koa}; by hand, ${closing} with the server that app.listen() returns`,
    fastify: `${zerodrop.fastify}; by hand, process.once('SIGTERM', () => app.close())`,
    elsewhere:
      'handle SIGTERM: stop accepting, finish what is in flight, then exit (Go: Server.Shutdown; gunicorn, uvicorn: the graceful timeout; nginx: stop with SIGQUIT)',
  },
  unfinished: {
    cause: 'the process exits, or destroys its connections, before the responses in flight are sent',
    express: `${zerodrop.express}; by hand, call process.exit() only in the callback of server.close()`,
    koa: `${zerodrop.koa}; by hand, call process.exit() only in the callback of server.close()`,
    fastify: `${zerodrop.fastify}; by hand, await app.close() before process.exit(), without forceCloseConnections: true`,
    elsewhere: 'exit when the last request in flight is answered, and not before',
  },
  race: {
    cause: 'idle connections are closed at once, while a request is on its way on one of them',
    express: `${zerodrop.express}, which answers it with Connection: close; server.close() and closeIdleConnections() cannot`,
    koa: `${zerodrop.koa}, which answers it with Connection: close; server.close() and closeIdleConnections() cannot`,
    fastify: `${zerodrop.fastify}, which answers it with Connection: close; app.close() cannot`,
    elsewhere:
      'keep idle connections for their keep-alive timeout, answer with Connection: close, and close them then (nginx: keepalive_min_timeout)',
  },
  queue: {
    cause:
      'the listening socket is closed while connections wait in its accept queue, and the kernel resets them',
    express: `${zerodrop.express}, which empties the queue first; by hand, wait a moment between the signal and server.close()`,
    koa: `${zerodrop.koa}, which empties the queue first; by hand, wait a moment between the signal and server.close()`,
    fastify: `${zerodrop.fastify}, which empties the queue first; by hand, wait a moment before app.close()`,
    elsewhere:
      'accept until the queue is empty before the socket is closed, or take the server out of the load balancer first',
  },
  failing: {
    cause:
      'what the handler needs, such as the database, is closed before the requests in flight are done; or a route refuses with another status than 503',
    express: `close the database in lifecycle.onShutdown() of ${zerodrop.express}; by hand, in the callback of server.close()`,
    koa: `close the database in lifecycle.onShutdown() of ${zerodrop.koa}; by hand, in the callback of server.close()`,
    fastify:
      'close the database in an onClose hook, and let new requests be served (return503OnClosing: false)',
    elsewhere: 'close what requests need after the last of them',
  },
  idle: {
    cause: 'the server waits for a silent connection without a deadline, or for longer than --limit',
    express: `${zerodrop.express}; by hand, call server.closeAllConnections() at a deadline after server.close()`,
    koa: `${zerodrop.koa}; by hand, call server.closeAllConnections() at a deadline after server.close()`,
    fastify: `${zerodrop.fastify}; by hand, forceCloseConnections: 'idle' and a deadline`,
    elsewhere: 'close idle connections in a stop, and have a deadline',
  },
  deadline: {
    cause: 'the stop has no deadline, or a later one than --limit',
    express: `${zerodrop.express} with drainTimeout; by hand, setTimeout(() => process.exit(1), 10_000).unref()`,
    koa: `${zerodrop.koa} with drainTimeout; by hand, setTimeout(() => process.exit(1), 10_000).unref()`,
    fastify: `${zerodrop.fastify} with drainTimeout; by hand, close-with-grace with a delay`,
    elsewhere:
      'cut what is left at a deadline below the one of the supervisor (Docker kills after 10 s, Kubernetes after 30 s)',
  },
  http2: {
    cause:
      'the session is destroyed while streams are open, without a GOAWAY that names the last one processed',
    express:
      'pass the http2 server to lifecycle.attach() of @zerodrop/core; by hand, session.close() for each session, never destroy()',
    koa: 'pass the http2 server to lifecycle.attach() of @zerodrop/core; by hand, session.close() for each session, never destroy()',
    fastify: `${zerodrop.fastify}; by hand, http2SessionTimeout and app.close()`,
    elsewhere: 'send GOAWAY, finish the open streams, then close',
  },
  websocket: {
    cause:
      'upgraded connections are no business of server.close(): they stay open, or are cut without a close frame',
    express: `${zerodrop.express}; by hand, for (const socket of wss.clients) socket.close(1001)`,
    koa: `${zerodrop.koa}; by hand, for (const socket of wss.clients) socket.close(1001)`,
    fastify: `${zerodrop.fastify}; by hand, close fastify.websocketServer.clients with 1001 in a preClose hook`,
    elsewhere: 'send each WebSocket a close frame with 1001',
  },
  stream: {
    cause: 'the stream ends only when its client leaves, so the server waits for it, or cuts it',
    express:
      'end it when request.draining of @zerodrop/express is aborted; by hand, response.end() for each open stream',
    koa: 'end it when context.draining of @zerodrop/koa is aborted; by hand, end each open stream',
    fastify:
      'end it when request.draining of @zerodrop/fastify is aborted; by hand, end each stream in a preClose hook',
    elsewhere: 'end each event stream in a stop: its client reconnects, and reaches another process',
  },
  second: {
    cause: 'the second signal begins the stop again, or is ignored while the first has no deadline',
    express: `${zerodrop.express}; by hand, process.once() for the first signal and process.exit(1) at the second`,
    koa: `${zerodrop.koa}; by hand, process.once() for the first signal and process.exit(1) at the second`,
    fastify: `${zerodrop.fastify}; by hand, process.once() for the first signal and process.exit(1) at the second`,
    elsewhere: 'let a second signal end the process at once',
  },
  early: {
    cause: 'the handler expects a server that serves, and fails or does nothing while it starts',
    express: `${zerodrop.express}; by hand, install the handler before listen(), and exit where there is no server yet`,
    koa: `${zerodrop.koa}; by hand, install the handler before listen(), and exit where there is no server yet`,
    fastify: `${zerodrop.fastify}; by hand, install the handler before listen()`,
    elsewhere: 'install the handler before anything else',
  },
  exit: {
    cause:
      'the shutdown code throws, or exits with an error where nothing is wrong; a supervisor takes that for a crash',
    express: 'exit with 0 when everything is answered; look for an unhandled rejection in the shutdown code',
    koa: 'exit with 0 when everything is answered; look for an unhandled rejection in the shutdown code',
    fastify: 'exit with 0 when everything is answered; look for an onClose hook that throws',
    elsewhere: 'exit with 0 when everything is answered',
  },
  notForwarded: {
    cause:
      'the command is a shell or a package manager that does not pass the signal on, or does not wait for the server',
    express: 'start node itself, not npm start: CMD ["node", "server.js"], or exec node in a script',
    koa: 'start node itself, not npm start: CMD ["node", "server.js"], or exec node in a script',
    fastify: 'start node itself, not npm start or fastify-cli in a shell',
    elsewhere: 'start the server itself, or use exec in the script that starts it',
  },
  restart: {
    cause:
      'the restart does not start a new version, or it is not ready in time; see what the server printed',
    express: `${zerodrop.express} restarts at SIGHUP and SIGUSR2`,
    koa: `${zerodrop.koa} restarts at SIGHUP and SIGUSR2`,
    fastify: `${zerodrop.fastify} restarts at SIGHUP and SIGUSR2`,
    elsewhere: 'check that --restart names the signal, or --restart-command the command, that deploys',
  },
  gap: {
    cause:
      'the old process stops listening before the new one does, or the new one takes requests before it can answer them',
    express: `${zerodrop.express}, or two processes behind a proxy, one restarted after the other`,
    koa: `${zerodrop.koa}, or two processes behind a proxy, one restarted after the other`,
    fastify: `${zerodrop.fastify}, or two processes behind a proxy, one restarted after the other`,
    elsewhere:
      'hand the listening socket to the new process, and keep the old one until the new one is ready',
  },
  before: {
    cause:
      'the server loses requests while it runs, or serves fewer clients at once than there are: the event is not the cause',
    express: 'look for a crash, a timeout or a limit of connections in what the server prints',
    koa: 'look for a crash, a timeout or a limit of connections in what the server prints',
    fastify: 'look for a crash, a timeout or a limit of connections in what the server prints',
    elsewhere: 'let the server serve 30 clients at once, with more threads or workers',
  },
} as const satisfies Record<string, Cure>

/** For situations without a cure of their own. */
const usual: Record<FaultKind, CureName> = {
  hung: 'unfinished',
  cut: 'unfinished',
  reset: 'unfinished',
  lost: 'unfinished',
  failed: 'failing',
  down: 'gap',
  running: 'deadline',
  status: 'exit',
  'left-behind': 'notForwarded',
  'not-deployed': 'restart',
  'old-stays': 'deadline',
  'old-gone': 'gap',
}

/** @param died whether the signal killed the process at once, which explains every loss */
export function cureFor(
  kind: FaultKind,
  own: Partial<Record<FaultKind, CureName>> | undefined,
  died: boolean,
): Cure {
  const isLoss = kind === 'hung' || kind === 'cut' || kind === 'reset' || kind === 'lost'
  return cures[died && isLoss ? 'noHandler' : (own?.[kind] ?? usual[kind])]
}
