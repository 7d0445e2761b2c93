import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import WebSocket from 'ws'
import { freePort, type Leftovers, RawClient, startDelayProxy } from '@zerodrop/traffic'
import { type AppEvent, type AppProcess, startApp } from '../../src/app-process.ts'
import { type Gates, openGates } from './gates.ts'
import type { Way } from './keep-pid-host.ts'
import { RawWebSocket } from './raw-web-socket.ts'

/** What a version of an application of `fixtures/live` is. */
export interface LiveDeploy {
  options?: object
  ws?: { version?: 7 | 8; server?: object; handover?: object; protocols?: string }
  handover?: false | 'websockets'
  feed?: { period: number; epoch?: number }
  save?: 'throws' | 'large' | 'function' | 'sends'
  without?: string[]
  tls?: boolean
  unknown?: boolean
  diesAfter?: number
}

const patient = { drainTimeout: 20_000, lingerTimeout: 20_000, firstRequestTimeout: 20_000, closeSpread: 0 }

/** An application with live streams under test, of which each generation can be another version. */
export class LiveSite {
  readonly app: AppProcess
  readonly port: number
  readonly gates: Gates
  readonly #undo: Leftovers
  readonly #write: (deploy: LiveDeploy) => void
  readonly #way: Way

  private constructor(
    app: AppProcess,
    { port, gates, way }: { port: number; gates: Gates; way: Way },
    undo: Leftovers,
    write: LiveSite['deploy'],
  ) {
    this.#way = way
    this.app = app
    this.port = port
    this.gates = gates
    this.#undo = undo
    this.#write = write
  }

  static async start(
    undo: Leftovers,
    fixture: string,
    deploy: LiveDeploy = {},
    way: Way = 'plain',
  ): Promise<LiveSite> {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const gates = await openGates(undo)
    const port = await freePort()
    const file = path.join(folder, 'deploy.json')
    const epoch = Date.now()
    const write = ({ options, feed, ...version }: LiveDeploy): void =>
      writeFileSync(
        file,
        JSON.stringify({
          port,
          gatePort: gates.port,
          options: { ...patient, ...(way === 'lazy keeper' && { keepPid: true }), ...options },
          ...(feed && { feed: { epoch, ...feed } }),
          ...version,
        }),
      )
    write(deploy)
    const script = path.join(__dirname, '../../fixtures/live', `${fixture}.mjs`)
    const isRun = way === 'zerodrop run'
    const app = await startApp({
      file: isRun ? path.join(__dirname, '../../../cli/dist/main.js') : script,
      args: isRun ? ['run', '--control', path.join(folder, 'control.sock'), script] : [],
      env: { ZERODROP_TEST_DEPLOY: file },
    })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    return new LiveSite(app, { port, gates, way }, undo, write)
  }

  deploy(version: LiveDeploy): void {
    this.#write(version)
  }

  /** The process that serves. */
  get #newest(): number {
    const serving = this.app.lines.filter(
      ({ event, pid = 0 }) => event === 'listening' && this.app.isAlive(pid),
    )
    return serving.at(-1)!.pid!
  }

  /** Asks for a restart. Returns where its lines begin. */
  signal(): { before: number; from: number } {
    const from = this.app.lines.length
    const before = this.#newest
    // The first process is, or becomes, the keeper.
    this.app.signal('SIGHUP', this.#way === 'plain' ? before : this.app.pid)
    return { before, from }
  }

  /** Restarts, and resolves when the predecessor has begun to hand over. */
  async begin(): Promise<{ before: number; after: number; from: number }> {
    const { before, from } = this.signal()
    const { pid } = await this.app.waitFor('listening', { from })
    await this.app.waitFor('handing-over', { from })
    return { before, after: pid as number, from }
  }

  /** Restarts, and resolves with the predecessor's line about the restart once the predecessor has exited. */
  async restart(): Promise<{ before: number; after: number; complete: AppEvent }> {
    const { from, ...pids } = await this.begin()
    return { ...pids, complete: await this.end({ before: pids.before, from }) }
  }

  /** Resolves with the predecessor's line about the restart once the predecessor has exited or become the keeper. */
  async end({ before, from }: { before: number; from: number }): Promise<AppEvent> {
    const complete = await this.app.waitFor('complete', { from })
    if (this.#way === 'lazy keeper') await this.app.waitForStderr(/is the keeper from now on/)
    if (this.#way !== 'lazy keeper' || before !== this.app.pid) await this.app.exitOf(before)
    return complete
  }

  async distant(roundTrip: number): Promise<number> {
    const proxy = await startDelayProxy({ targetPort: this.port, roundTrip })
    this.#undo.add(() => proxy.close())
    return proxy.port
  }

  async connect(port: number = this.port): Promise<RawClient> {
    const client = await RawClient.connect({ port })
    this.#undo.add(() => client.destroy())
    return client
  }

  /** A WebSocket client of ws, with what it heard. */
  async webSocket(
    options: WebSocket.ClientOptions & {
      path?: string
      protocols?: string[]
      port?: number
      secure?: boolean
    } = {},
  ): Promise<{ socket: WebSocket; heard: string[]; closed: Promise<number> }> {
    const { path: at = '/socket', protocols, port = this.port, secure, ...rest } = options
    const socket = new WebSocket(`${secure ? 'wss' : 'ws'}://127.0.0.1:${port}${at}`, protocols, rest)
    this.#undo.add(() => socket.terminate())
    const heard: string[] = []
    socket.on('message', (data: Buffer, isBinary) =>
      heard.push(isBinary ? `${data.length} bytes` : String(data)),
    )
    socket.on('error', () => {})
    const closed = once(socket, 'close').then(([code]) => code as number)
    // Its first message says who serves it.
    await once(socket, 'message')
    return { socket, heard, closed }
  }

  async rawWebSocket(headers: Record<string, string> = {}, port: number = this.port): Promise<RawWebSocket> {
    const socket = await RawWebSocket.connect(port, '/socket', headers)
    this.#undo.add(() => socket.destroy())
    return socket
  }
}

/** Resolves with the next message that a WebSocket client hears. */
export async function nextMessage(socket: WebSocket): Promise<string> {
  const [data] = (await once(socket, 'message')) as [Buffer]
  return String(data)
}

export async function ask(socket: WebSocket, what: string): Promise<string> {
  const answer = nextMessage(socket)
  socket.send(what)
  return answer
}

/**
 * Opens 30 WebSockets and restarts into a successor that dies after it has taken ten. Expects that the old process
 * keeps the others, and that the next successor takes them.
 * @returns the pid of the process that served in the meantime
 */
export async function expectSurvivalOfDeath(site: LiveSite): Promise<number> {
  const clients = await Promise.all(Array.from({ length: 30 }, () => site.webSocket()))
  site.deploy({ diesAfter: 10 })
  const { before } = await site.begin()
  await site.app.waitFor('restart-failed')
  const results = await Promise.all(
    clients.map(({ socket, closed }) => Promise.race([ask(socket, 'which'), closed])),
  )
  const stayed = results.filter((each) => each === 'generation 1 1')
  // Besides those that it has taken, the successor loses as many as are on their way at once.
  expect(stayed.length).toBeGreaterThanOrEqual(30 - 14)
  site.deploy({})
  const { complete } = await site.restart()
  expect(complete).toMatchObject({ websockets: { sent: stayed.length } })
  return before
}
