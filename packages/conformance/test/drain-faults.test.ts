import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, leftovers } from '@zerodrop/traffic'
import WebSocket from 'ws'
import { type AppProcess, startApp } from '../src/app-process.ts'
import { clean, unclean } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const file = path.join(__dirname, '../fixtures/protocols/throws.mjs')

/** Starts it, and leaves one request in flight. */
async function start(
  fault: string,
  address: number | string,
): Promise<{ app: AppProcess; answer: Promise<string> }> {
  const env = { ZERODROP_TEST_FAULT: fault, ZERODROP_TEST_ADDRESS: String(address) }
  const app = await startApp({ file, env })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  const answer = get(address, '/')
  answer.catch(() => {})
  await app.waitFor('request')
  return { app, answer }
}

async function get(address: number | string, url: string): Promise<string> {
  const where = typeof address === 'string' ? { socketPath: address } : { port: address, host: '127.0.0.1' }
  const request = http.get({ ...where, path: url, agent: false })
  undo.add(() => request.destroy())
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return body
}

describePosix('a drain goes on', () => {
  test.each([
    ['logger', /broken on purpose/],
    ['async-logger', /broken on purpose/],
    ['listener', /ERR_ZERODROP_LISTENER_FAILED/],
    ['subscriber', /ERR_ZERODROP_LISTENER_FAILED/],
    ['hooks', /ERR_ZERODROP_HOOK_FAILED/],
    ['settled-hook', /ERR_ZERODROP_HOOK_FAILED/],
    ['signal-function', /ERR_ZERODROP_SIGNAL_FUNCTION_FAILED/],
    ['stderr-write', /^$/],
    ['stderr-destroyed', /drained/],
    ['stderr-closed', /^$/],
  ])('and ends with 0 when this throws: %s', async (fault, said) => {
    const { app, answer } = await start(fault, await freePort())
    app.signal('SIGTERM')
    await expect(answer).resolves.toBe('whole')
    await expect(app.exited).resolves.toEqual(clean)
    expect(app.stderr).toMatch(said)
    expect(app.stderr).not.toMatch(/Node\.js v/)
  })

  test('and ends when a listener of the exit throws', async () => {
    const { app, answer } = await start('exit-listener', await freePort())
    app.signal('SIGTERM')
    await expect(answer).resolves.toBe('whole')
    await expect(app.exited).resolves.toEqual(unclean)
    expect(app.stderr).toContain("a listener of 'exit' threw")
  })

  test('when the file of a Unix socket cannot be removed', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const { app, answer } = await start('file-system', path.join(folder, 'app.sock'))
    app.signal('SIGTERM')
    await expect(answer).resolves.toBe('whole')
    await expect(app.exited).resolves.toEqual(clean)
    expect(app.stderr.match(/ERR_ZERODROP_STEP_FAILED/g)).toHaveLength(1)
  })

  test('to its deadline when WebSockets cannot be closed, and reports that once', async () => {
    const port = await freePort()
    const { app, answer } = await start('websocket', port)
    const sockets = Array.from({ length: 3 }, () => new WebSocket(`ws://127.0.0.1:${port}/`))
    for (const socket of sockets) undo.add(() => socket.terminate())
    const closed = sockets.map((socket) => once(socket, 'close'))
    await Promise.all(sockets.map((socket) => once(socket, 'open')))
    app.signal('SIGTERM')
    await expect(answer).resolves.toBe('whole')
    await Promise.all(closed)
    await expect(app.exited).resolves.toEqual(unclean)
    expect(app.stderr.match(/ERR_ZERODROP_STEP_FAILED/g)).toHaveLength(1)
    expect(app.stderr).toContain('3 cut')
  })

  test.each(['response-end', 'destroy'])('through its deadline when this throws: %s', async (fault) => {
    const port = await freePort()
    const { app, answer } = await start(fault, port)
    const events = get(port, '/events').catch((error: unknown) => error)
    await app.waitFor(({ url }) => url === '/events')
    app.signal('SIGTERM')
    await expect(answer).resolves.toBe('whole')
    await expect(app.exited).resolves.toEqual(unclean)
    await events
    expect(app.stderr).toContain('ERR_ZERODROP_STEP_FAILED')
    expect(app.stderr).toContain('1 cut')
  })
})

describePosix("a listener of a request's draining signal that throws", () => {
  test('is an uncaught exception, as with any AbortSignal, and the requests that it cuts are reported', async () => {
    const { app, answer } = await start('draining', await freePort())
    app.signal('SIGTERM')
    await expect(answer).rejects.toThrow(/socket hang up|ECONNRESET|aborted/)
    await expect(app.exited).resolves.toEqual(unclean)
    expect(app.stderr).toMatch(/Error: broken on purpose\n +at /)
    expect(app.stderr).toMatch(/ERR_ZERODROP_DRAIN_INTERRUPTED: .*with 1 connection open/)
  })

  test('does not change the drain if the application handles uncaught exceptions', async () => {
    const { app, answer } = await start('draining-caught', await freePort())
    app.signal('SIGTERM')
    await expect(answer).resolves.toBe('whole')
    await expect(app.exited).resolves.toEqual(clean)
    expect(app.lines).toContainEqual(
      expect.objectContaining({ event: 'uncaught', message: 'broken on purpose' }),
    )
  })
})
