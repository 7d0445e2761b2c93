import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import { freePort, leftovers } from '@zerodrop/traffic'
import { Deployment, type ServerSpec } from './support/deployment.ts'
import { describePosix, restartsOnly } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// By name a server listens on one address, which is the first here as well; a slow connect is no reason to try another.
net.setDefaultAutoSelectFamily(false)

const clean = { code: 0, signal: null }
const rejectUnauthorized = false

interface Identity {
  name: string
  pid: number
  generation: number
}

/** Connects again, asks, and leaves; rejects unless the whole answer comes. */
const ask: Record<string, (port: number, host: string) => Promise<Identity>> = {
  async net(port, host) {
    return JSON.parse(await text(net.connect({ port, host }))) as Identity
  },
  http: (port, host) => askHttp1(net.connect({ port, host })),
  https: (port, host) => askHttp1(tls.connect({ port, host, rejectUnauthorized })),
  http2: (port, host) => askHttp2(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
  h2c: (port, host) => askHttp2(`http://${host}:${port}`),
}

async function askHttp1(socket: net.Socket): Promise<Identity> {
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  const answer = await text(socket)
  const [, body] = /\r\n\r\n(?:[0-9a-f]+\r\n)?(\{.*\})/s.exec(answer) ?? []
  if (body === undefined) throw new Error(`no whole answer: ${JSON.stringify(answer)}`)
  return JSON.parse(body) as Identity
}

async function askHttp2(url: string): Promise<Identity> {
  const session = http2.connect(url, { rejectUnauthorized })
  const failed = once(session, 'error').then(([error]) => Promise.reject(error as Error))
  failed.catch(() => {})
  try {
    return JSON.parse(await Promise.race([text(session.request()), failed])) as Identity
  } finally {
    session.close()
  }
}

/** Over TLS a stream that crosses the GOAWAY is refused, untouched: its client sends it again. */
const again =
  (kind: string) =>
  (error: Error): undefined => {
    if (kind !== 'http2' || !error.message.includes('REFUSED_STREAM')) throw error
  }

async function canBind(host: string): Promise<boolean> {
  const server = net.createServer()
  try {
    await once(server.listen(0, host), 'listening')
    server.close()
    return true
  } catch {
    return false
  }
}

describePosix('one process with servers of every kind', () => {
  test('restarts, and not one connection is refused or lost', async () => {
    const ipv6 = await canBind('::1')
    if (!ipv6) console.warn('no IPv6 on this machine: its listeners are left out')
    const spec = async (kind: ServerSpec['kind'], name: string, host?: string) => {
      const port = await freePort()
      return { kind, name, port, host: host ?? '127.0.0.1', listen: { port, ...(host && { host }) } }
    }
    const servers = [
      await spec('http', 'IPv4', '127.0.0.1'),
      await spec('http', 'any IPv4', '0.0.0.0'),
      await spec('http', 'without a host'),
      await spec('http', 'by name', 'localhost'),
      await spec('https', 'https'),
      await spec('http2', 'http2'),
      await spec('h2c', 'h2c'),
      await spec('net', 'net'),
      ...(ipv6 ? [await spec('http', 'IPv6', '::1'), await spec('net', 'any IPv6', '::')] : []),
    ]
    const site = await Deployment.start(undo, { servers })
    const targets = servers.map(({ kind, name, port, host }) => ({ kind, name, port, host }))
    const two = servers.find(({ name }) => name === 'without a host')
    // Dual stack: the one socket answers on both.
    if (ipv6 && two) targets.push({ ...two, host: '::1' })
    const generations = new Map(targets.map((target) => [target, new Set<number>()]))
    let over = false
    const client = async (target: (typeof targets)[number]): Promise<void> => {
      while (!over) {
        const answer = await ask[target.kind]!(target.port, target.host).catch(again(target.kind))
        if (answer === undefined) continue
        const { name, generation } = answer
        expect(name).toBe(target.name)
        generations.get(target)!.add(generation)
      }
    }
    await Promise.all(
      targets.map(async (target) => {
        const { generation } = await ask[target.kind]!(target.port, target.host)
        generations.get(target)!.add(generation)
      }),
    )
    const restarts = async (): Promise<void> => {
      for (let restart = 0; restart < 2; restart += 1) await site.restart()
      over = true
    }
    await Promise.all([restarts(), ...targets.map(client)])
    for (const [target, seen] of generations) {
      // Whichever the kernel gave connections to in between, the last one answers now.
      expect({ name: target.name, first: [...seen][0] }).toEqual({ name: target.name, first: 1 })
      await expect(ask[target.kind]!(target.port, target.host)).resolves.toMatchObject({
        name: target.name,
        generation: 3,
      })
    }
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(restartsOnly)
  })
})

describePosix('a deploy', () => {
  const options = { manualReady: true }

  test('closes the addresses that the new version no longer has, and binds its new ones', async () => {
    const [stays, goes, comes] = [await freePort(), await freePort(), await freePort()]
    const web: ServerSpec = { kind: 'http', name: 'web', listen: { port: stays } }
    const old: ServerSpec = { kind: 'http', name: 'old', listen: { port: goes } }
    const fresh: ServerSpec = { kind: 'http', name: 'fresh', listen: { port: comes } }
    const site = await Deployment.start(undo, { servers: [web, old], options })
    site.deploy({ servers: [web, fresh], options })
    await site.restart()
    await site.app.waitForStderr(
      new RegExp(`nothing here listens on tcp://.*:${goes} any more, which was inherited`),
    )
    await expect(ask['http']!(stays, '127.0.0.1')).resolves.toMatchObject({ name: 'web', generation: 2 })
    await expect(ask['http']!(comes, '127.0.0.1')).resolves.toMatchObject({ name: 'fresh', generation: 2 })
    await expect(ask['http']!(goes, '127.0.0.1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    // What is closed can be bound again by anyone.
    const server = net.createServer().listen(goes)
    await once(server, 'listening')
    server.close()
  })

  test('lets two servers change places: each follows its address', async () => {
    const [one, two] = [await freePort(), await freePort()]
    const at = (first: number, second: number): ServerSpec[] => [
      { kind: 'http', name: 'first', listen: { port: first } },
      { kind: 'http', name: 'second', listen: { port: second } },
    ]
    const site = await Deployment.start(undo, { servers: at(one, two), options })
    await expect(ask['http']!(one, '127.0.0.1')).resolves.toMatchObject({ name: 'first' })
    site.deploy({ servers: at(two, one), options })
    await site.restart()
    await expect(ask['http']!(one, '127.0.0.1')).resolves.toMatchObject({ name: 'second', generation: 2 })
    await expect(ask['http']!(two, '127.0.0.1')).resolves.toMatchObject({ name: 'first', generation: 2 })
  })
})

describePosix.each(['before', 'after'] as const)('a server that is ignored %s it listens', (ignore) => {
  test('is not drained, and has its own close', async () => {
    const [port, metrics] = [await freePort(), await freePort()]
    const site = await Deployment.start(undo, {
      servers: [
        { kind: 'http', name: 'web', listen: { port } },
        { kind: 'http', name: 'metrics', listen: { port: metrics }, ignore },
      ],
      options: { lingerTimeout: 20_000 },
    })
    const { servers } = await site.app.waitFor('listening')
    expect(servers).toEqual([
      expect.objectContaining({ name: 'web', ownClose: true }),
      expect.objectContaining({ name: 'metrics', ownClose: false }),
    ])
    const held = net.connect({ port })
    undo.add(() => held.destroy())
    held.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(held, 'data')
    site.app.signal('SIGTERM')
    await site.app.waitFor('draining')
    // The connection that lingers keeps the process; the ignored server goes on with new ones.
    await expect(ask['http']!(metrics, '127.0.0.1')).resolves.toMatchObject({ name: 'metrics' })
    held.end()
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('is not inherited: the successor binds for itself', async () => {
    const port = await freePort()
    const site = await Deployment.start(undo, {
      servers: [
        { kind: 'http', name: 'web', listen: { port } },
        { kind: 'http', name: 'metrics', listen: { port: 0 }, ignore },
      ],
    })
    await site.restart()
    await expect(ask['http']!(port, '127.0.0.1')).resolves.toMatchObject({ generation: 2 })
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(restartsOnly)
  })
})

describePosix('a fixed port that is ignored', () => {
  test('is still in use when the successor asks for it', async () => {
    const [port, metrics] = [await freePort(), await freePort()]
    const site = await Deployment.start(undo, {
      servers: [
        { kind: 'http', name: 'web', listen: { port } },
        { kind: 'http', name: 'metrics', listen: { port: metrics }, ignore: 'before' },
      ],
    })
    site.app.signal('SIGHUP')
    await expect(site.app.waitFor('restart-failed')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_SUCCESSOR_EXITED',
    })
    expect(site.app.stderr).toContain('EADDRINUSE')
    await expect(ask['http']!(metrics, '127.0.0.1')).resolves.toMatchObject({ generation: 1 })
  })
})
