import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import tls from 'node:tls'
import { freePort, leftovers } from '@zerodrop/traffic'
import { Deployment, type ServerSpec } from './support/deployment.ts'
import { describePosix, restartsOnly } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const fixtures = path.join(__dirname, '../fixtures/restart')
const clean = { code: 0, signal: null }
const protocols = { https: 'http/1.1', http2: 'h2' } as const
type Kind = keyof typeof protocols

interface Handshake {
  /** Whether the session that was offered was taken. */
  resumed: boolean
  /** The one to come back with. */
  session: Buffer
}

/** Connects, waits for a session ticket, and leaves. */
function shakeHands(port: number, kind: Kind, session?: Buffer): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: [protocols[kind]],
      ...(session && { session }),
    })
    let connected = false
    let ticket: Buffer | undefined
    // The ticket comes within the handshake of TLS 1.2 and behind that of 1.3. A session that was resumed can be
    // resumed again, and its next ticket comes with the answer to a request at the soonest.
    const check = (): void => {
      const resumed = connected && socket.isSessionReused()
      const next = ticket ?? (resumed ? session : undefined)
      if (!connected || next === undefined) return
      resolve({ resumed, session: next })
      socket.end()
    }
    socket.on('secureConnect', () => {
      connected = true
      check()
    })
    socket.on('session', (given) => {
      ticket = given
      if (!socket.writableEnded) check()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed without a session')))
    socket.resume()
  })
}

async function server(kind: Kind, more: Partial<ServerSpec> = {}): Promise<ServerSpec & { port: number }> {
  const port = await freePort()
  return { kind, name: kind, listen: { port }, port, ...more }
}

const cases = (['https', 'http2'] as const).flatMap((kind) =>
  (['TLSv1.2', 'TLSv1.3'] as const).map((maxVersion): [Kind, string] => [kind, maxVersion]),
)

describePosix.each(cases)('a session of %s over %s', (kind, maxVersion) => {
  test('is resumed by the next generation, and by the one after it', async () => {
    const spec = await server(kind, { tls: { maxVersion } })
    const site = await Deployment.start(undo, { servers: [spec] })
    const first = await shakeHands(spec.port, kind)
    expect(first.resumed).toBe(false)
    await expect(shakeHands(spec.port, kind, first.session)).resolves.toMatchObject({ resumed: true })
    await site.restart()
    const second = await shakeHands(spec.port, kind, first.session)
    expect(second.resumed).toBe(true)
    const fresh = await shakeHands(spec.port, kind)
    await site.restart()
    for (const { session } of [first, second, fresh])
      await expect(shakeHands(spec.port, kind, session)).resolves.toMatchObject({ resumed: true })
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(restartsOnly)
  })

  test('is resumed by the process that accepts the connection during a restart', async () => {
    const spec = await server(kind, { tls: { maxVersion } })
    const site = await Deployment.start(undo, { servers: [spec] })
    const { session } = await shakeHands(spec.port, kind)
    let over = false
    let count = 0
    const client = async (): Promise<void> => {
      while (!over) {
        const fresh = await shakeHands(spec.port, kind)
        for (const each of [session, fresh.session])
          await expect(shakeHands(spec.port, kind, each)).resolves.toMatchObject({ resumed: true })
        count += 1
      }
    }
    const clients = Promise.all([client(), client(), client()])
    const restarts = async (): Promise<void> => {
      for (let restart = 0; restart < 3; restart += 1) await site.restart()
      over = true
    }
    await Promise.all([restarts(), clients])
    expect(count).toBeGreaterThan(10)
  })
})

describePosix('ticket keys', () => {
  const keys = Buffer.alloc(48, 'k').toString('base64')

  test.each<[string, Partial<ServerSpec>]>([
    ['the option ticketKeys', { tls: { ticketKeys: keys } }],
    ['setTicketKeys()', { setTicketKeys: keys }],
  ])('that the application states by %s are its own', async (_how, chosen) => {
    const spec = await server('https')
    const site = await Deployment.start(undo, { servers: [spec] })
    const { session } = await shakeHands(spec.port, 'https')
    site.deploy({ servers: [{ ...spec, ...chosen }] })
    await site.restart()
    const own = await shakeHands(spec.port, 'https', session)
    expect(own.resumed).toBe(false)
    await site.restart()
    await expect(shakeHands(spec.port, 'https', own.session)).resolves.toMatchObject({ resumed: true })
  })

  const ca = readFileSync(path.join(__dirname, '../fixtures/protocols/localhost.cert.pem'), 'utf8')

  test.each<[string, object]>([
    ['trusts another CA', { ca }],
    ['has other ciphers', { ciphers: 'ECDHE-RSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384' }],
    ['has another minimum version', { minVersion: 'TLSv1.3' }],
    ['asks for client certificates', { requestCert: true, rejectUnauthorized: false, ca }],
  ])('do not go to a version that %s', async (_what, tls) => {
    const spec = await server('https')
    const site = await Deployment.start(undo, { servers: [spec] })
    const { session } = await shakeHands(spec.port, 'https')
    site.deploy({ servers: [{ ...spec, tls }] })
    await site.restart()
    await expect(shakeHands(spec.port, 'https', session)).resolves.toMatchObject({ resumed: false })
  })

  test('do not come from a version that asked for client certificates', async () => {
    const spec = await server('https', { tls: { requestCert: true, rejectUnauthorized: false, ca } })
    const site = await Deployment.start(undo, { servers: [spec] })
    const { session } = await shakeHands(spec.port, 'https')
    await site.restart()
    await expect(shakeHands(spec.port, 'https', session)).resolves.toMatchObject({ resumed: false })
  })

  test('do not let a client without a certificate into a version that requires one', async () => {
    const spec = await server('https')
    const site = await Deployment.start(undo, { servers: [spec] })
    const { session } = await shakeHands(spec.port, 'https')
    site.deploy({ servers: [{ ...spec, tls: { requestCert: true, ca } }] })
    await site.restart()
    await expect(shakeHands(spec.port, 'https', session)).rejects.toThrow(
      /certificate required|closed without a session|reset|EPROTO|handshake/i,
    )
  })

  test('serve a program whose path has changed by a moved symlink', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const release = (name: string): void => {
      mkdirSync(path.join(folder, name))
      const code = `import ${JSON.stringify(pathToFileURL(path.join(fixtures, 'servers.mjs')).href)}\n`
      writeFileSync(path.join(folder, name, 'app.mjs'), code)
    }
    const current = path.join(folder, 'current')
    release('one')
    release('two')
    symlinkSync('one', current)
    const spec = await server('https')
    const site = await Deployment.start(
      undo,
      { servers: [spec] },
      { file: 'app.mjs', cwd: current, env: { PWD: current } },
    )
    const { session } = await shakeHands(spec.port, 'https')
    unlinkSync(current)
    symlinkSync('two', current)
    for (let restart = 0; restart < 2; restart += 1) {
      await site.restart()
      await expect(shakeHands(spec.port, 'https', session)).resolves.toMatchObject({ resumed: true })
    }
  })
})
