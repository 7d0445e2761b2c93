import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import { freePort, leftovers } from '@zerodrop/traffic'
import { Deployment, type ServerSpec, serversFixture, type Version } from './support/deployment.ts'
import { canReplaceProgram } from './support/keep-pid-host.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const cli = path.join(__dirname, '../../cli/dist/main.js')
const rejectUnauthorized = false
const onLinux = process.platform === 'linux'

interface Identity {
  readonly name: string
  readonly generation: number
}

/** Asks on a connection of its own, or on the only one of an agent. */
function askHttp(to: http.RequestOptions, agent: http.Agent | false = false): Promise<Identity> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', ...to, agent }, (response) => {
      text(response).then((body) => resolve(JSON.parse(body) as Identity), reject)
    })
    request.on('error', reject)
  })
}

/** A client that keeps one connection, and says by which it asks. */
function keepAlive(to: http.RequestOptions): { ask: () => Promise<Identity>; sockets: Set<unknown> } {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  undo.add(() => agent.destroy())
  const sockets = new Set<unknown>()
  agent.on('free', (socket) => sockets.add(socket))
  return { ask: () => askHttp(to, agent), sockets }
}

async function askHttp2(url: string): Promise<Identity> {
  const session = http2.connect(url, { rejectUnauthorized })
  try {
    const failed = once(session, 'error').then(([error]) => Promise.reject(error as Error))
    failed.catch(() => {})
    return JSON.parse(await Promise.race([text(session.request()), failed])) as Identity
  } finally {
    session.close()
  }
}

/** Resolves with whether the session that was offered was taken, and with a ticket for the next time. */
async function shakeHands(port: number, session?: Buffer): Promise<{ resumed: boolean; ticket: Buffer }> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized, ...(session && { session }) })
  let ticket: Buffer | undefined
  let resumed = false
  socket.on('secureConnect', () => (resumed = socket.isSessionReused()))
  socket.on('session', (given) => (ticket = given))
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await text(socket)
  return { resumed, ticket: ticket ?? session ?? Buffer.alloc(0) }
}

/** Resolves with the generation that answers a datagram. */
async function askUdp(port: number): Promise<number> {
  const socket = dgram.createSocket('udp4')
  socket.send('1', port, '127.0.0.1')
  const [answer] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return Number(answer.toString().split(' ')[1])
}

const ways: [way: string, isRun: boolean][] = [
  ['zerodrop run', true],
  ...(canReplaceProgram ? [['a keeper that comes at the first restart', false] as [string, boolean]] : []),
]

const describeLinux = onLinux ? describe : describe.skip

describeLinux.each(ways)('below %s', (_way, isRun) => {
  test('sockets of every kind, kept connections and TLS sessions go through two restarts', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const [web, secure, h2, h2c, udp] = await Promise.all(Array.from({ length: 5 }, () => freePort()))
    const file = path.join(folder, 'app.sock')
    const abstract = `\0${path.basename(folder)}`
    const servers: ServerSpec[] = [
      { kind: 'http', name: 'web', listen: { port: web } },
      { kind: 'http', name: 'unix', listen: { path: file } },
      { kind: 'http', name: 'abstract', listen: { path: abstract } },
      { kind: 'https', name: 'secure', listen: { port: secure } },
      { kind: 'http2', name: 'h2', listen: { port: h2 } },
      { kind: 'h2c', name: 'h2c', listen: { port: h2c } },
      { kind: 'udp4', name: 'udp', listen: { port: udp, address: '127.0.0.1' } },
    ]
    const version: Version = { servers, options: isRun ? {} : { keepPid: true } }
    const run = ['run', '--control', path.join(folder, 'control.sock'), serversFixture]
    const site = await Deployment.start(undo, version, isRun ? { file: cli, args: run } : {})
    const kept = [{ port: web! }, { socketPath: file }, { socketPath: abstract }].map((to) => keepAlive(to))
    for (const { ask } of kept) expect(await ask()).toMatchObject({ generation: 1 })
    const { ticket } = await shakeHands(secure!)
    for (const generation of [2, 3]) {
      site.app.signal('SIGHUP', site.app.pid)
      // Whoever connects meanwhile is served by either.
      for (let asked = 0; asked < 20; asked++)
        await Promise.all([
          askHttp({ port: web! }),
          askHttp({ socketPath: file }),
          askHttp({ socketPath: abstract }),
        ])
      await site.app.waitForStderr(new RegExp(`handed over to generation ${generation} `))
      if (!isRun) await site.app.waitForStderr(/is the keeper from now on/)
      for (const { ask } of kept) expect(await ask()).toMatchObject({ generation })
      expect(await askHttp({ socketPath: abstract })).toMatchObject({ name: 'abstract', generation })
      expect(await askHttp2(`https://127.0.0.1:${h2}`)).toMatchObject({ name: 'h2', generation })
      expect(await askHttp2(`http://127.0.0.1:${h2c}`)).toMatchObject({ name: 'h2c', generation })
      expect(await askUdp(udp!)).toBe(generation)
      expect(await shakeHands(secure!, ticket)).toMatchObject({ resumed: true })
    }
    expect(kept.map(({ sockets }) => sockets.size)).toEqual([1, 1, 1])
    site.app.signal('SIGTERM', site.app.pid)
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(readdirSync(folder)).toEqual(expect.not.arrayContaining(['app.sock']))
    expect(site.app.stderr).not.toMatch(/ERR_/)
  })
})
