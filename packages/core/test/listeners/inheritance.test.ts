import { closeSync, existsSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  type Inheritance,
  InheritedListeners,
  mismatch,
  readInheritance,
  writeInheritance,
} from '../../src/listeners/inheritance.ts'
import { protocolVersion, readOrders } from '../../src/system/boot.ts'
import { inodeOf, removeSocketFile } from '../../src/listeners/unix-path.ts'

const listener = { fd: 3, requested: 'tcp://*:3000', bound: 'tcp://[::]:3000' }
const inheritance = { version: protocolVersion, generation: 2, pid: 7, listeners: [listener] }
const text = (changes: object) => JSON.stringify({ ...inheritance, ...changes })

test.each<[variable: string, orders: object]>([
  ['', { bootSignals: [] }],
  ['null', { bootSignals: [] }],
  ['5', { bootSignals: [] }],
  ['"x"', { bootSignals: [] }],
  [text({ bootSignals: 5, readyTimeout: '5' }), { pid: 7, bootSignals: [] }],
  [text({ bootSignals: 'SIGHUP', readyTimeout: -5 }), { pid: 7, bootSignals: [] }],
  [text({ pid: 0 }), { bootSignals: [] }],
  [text({ pid: '7' }), { bootSignals: [] }],
  [
    text({ bootSignals: ['SIGKILL', 'SIGHUP', null, 'toString'], readyTimeout: 0 }),
    { pid: 7, bootSignals: ['SIGHUP'], readyTimeout: 0 },
  ],
])('the preload, which must not throw, reads %p', (variable, orders) => {
  expect(readOrders(variable)).toEqual(orders)
})

describe('a variable that was not written by a predecessor', () => {
  test.each([
    '',
    ' ',
    '1',
    '0',
    'true',
    'null',
    'undefined',
    '""',
    '"{}"',
    '[]',
    '{}',
    '{',
    '\0',
    '\u{1F4A5}',
    `{"version":${protocolVersion}}`,
    text({ channel: 2 }),
    text({ channel: '3' }),
    text({ channel: null }),
    '__proto__',
    'x'.repeat(100_000),
    '['.repeat(100_000),
    JSON.stringify([inheritance]),
    `${JSON.stringify(inheritance)},`,
    JSON.stringify(inheritance).slice(0, -1),
    text({ version: '1' }),
    text({ version: null }),
    text({ generation: 1 }),
    text({ generation: 0 }),
    text({ generation: -2 }),
    text({ generation: 2.5 }),
    text({ generation: '2' }),
    text({ generation: undefined }),
    ...[undefined, null, 0, -1, 1.5, '7'].map((pid) => text({ pid })),
    text({ listeners: undefined }),
    text({ listeners: null }),
    text({ listeners: {} }),
    text({ listeners: '[]' }),
    text({ listeners: [null] }),
    text({ listeners: [3] }),
    text({ listeners: [[]] }),
    text({ listeners: [{}] }),
    text({ listeners: [listener, 'tcp://*:3001'] }),
    text({ listeners: [{ ...listener, fd: 2 }] }),
    text({ listeners: [{ ...listener, fd: -1 }] }),
    text({ listeners: [{ ...listener, fd: '3' }] }),
    text({ listeners: [{ ...listener, fd: 3.5 }] }),
    text({ listeners: [{ ...listener, fd: null }] }),
    text({ listeners: [{ ...listener, requested: 3000 }] }),
    text({ listeners: [{ ...listener, bound: null }] }),
    ...[null, 0, 'true', {}, []].map((ticketKeys) => text({ ticketKeys })),
    ...[null, 'SIGHUP', 5, {}, [1], [null], ['SIGKILL'], ['SIGSTOP'], ['SIGNOT'], ['SIGHUP', 'hup']].map(
      (bootSignals) => text({ bootSignals }),
    ),
    ...[null, '1', -1, true, [], {}].map((readyTimeout) => text({ readyTimeout })),
    text({}).replace(/\}$/, ',"readyTimeout":1e999}'),
    // One descriptor cannot be two listeners.
    text({ listeners: [listener, { ...listener, requested: 'tcp://*:3001' }] }),
  ])('%.60p', (variable) => {
    let error: unknown
    try {
      readInheritance(variable)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({
      code: 'ERR_ZERODROP_INHERIT_INVALID',
      message: expect.stringMatching(
        /^The variable ZERODROP_INHERIT holds .* remove it from the environment of this process\.$/s,
      ),
    })
    expect((error as Error).message.length).toBeLessThan(700)
  })

  test('keeps the JSON error as its cause', () => {
    expect(() => readInheritance('{')).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ name: 'SyntaxError' }) }),
    )
    // No cause is printed if there is none.
    let error: unknown
    try {
      readInheritance('{}')
    } catch (thrown) {
      error = thrown
    }
    expect(error).not.toHaveProperty('cause')
  })
})

test.each([0, 1, 17, -1])('version %p of the protocol belongs to another version of zerodrop', (version) => {
  expect(() => readInheritance(text({ version, listeners: 'in another form' }))).toThrow(
    expect.objectContaining({
      code: 'ERR_ZERODROP_INHERIT_INVALID',
      message: expect.stringMatching(
        new RegExp(
          `hands over by version ${version} .* takes over by version ${protocolVersion}\\. Stop the old process and start`,
        ),
      ),
    }),
  )
})

// Windows has no socket descriptors.
const describePosix = process.platform === 'win32' ? describe.skip : describe

describePosix('descriptors', () => {
  const undo: (() => void)[] = []
  afterEach(() => {
    for (const each of undo.splice(0)) each()
  })
  const read = (fd: number) => () => readInheritance(text({ listeners: [{ ...listener, fd }] }))

  /** A listening server and a connection to it; their descriptors. */
  async function sockets(): Promise<{ listening: number; connected: number }> {
    const server = net.createServer().listen(0, '127.0.0.1')
    undo.push(() => server.close())
    await once(server, 'listening')
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
    undo.push(() => client.destroy())
    await once(client, 'connect')
    const fd = (of: object) => (of as { _handle: { fd: number } })._handle.fd
    return { listening: fd(server), connected: fd(client) }
  }

  test.each([1_000_000, 2 ** 31 - 1, 2 ** 31, 1e300])('%p is not open', (fd) => {
    expect(read(fd)).toThrow(
      expect.objectContaining({
        code: 'ERR_ZERODROP_INHERIT_MISMATCH',
        message: expect.stringContaining('the listening socket of tcp://[::]:3000 but is no socket'),
        cause: expect.objectContaining({ code: expect.stringMatching(/^(EBADF|ERR_OUT_OF_RANGE)$/) }),
      }),
    )
  })

  test('a descriptor of a file is rejected', () => {
    const fd = openSync(__filename, 'r')
    undo.push(() => closeSync(fd))
    expect(read(fd)).toThrow(expect.objectContaining({ code: 'ERR_ZERODROP_INHERIT_MISMATCH' }))
  })

  test('a descriptor of a socket is left to listen(), which alone can check it', async () => {
    const { listening, connected } = await sockets()
    expect(read(listening)()).toMatchObject({ generation: 2, listeners: [{ fd: listening }] })
    expect(read(connected)).not.toThrow()
  })
})

test('a written inheritance can be read back', () => {
  const written: Inheritance = { version: protocolVersion, generation: 12, pid: 7, listeners: [] }
  expect(readInheritance(writeInheritance(written))).toEqual(written)
})

test('a mismatch error states what was found, what was expected, and what to do', () => {
  const cause = new Error('EINVAL')
  expect(mismatch(5, 'tcp://[::]:3000', 'tcp://[::]:4000', cause)).toMatchObject({
    code: 'ERR_ZERODROP_INHERIT_MISMATCH',
    message:
      'Descriptor 5 was inherited as the listening socket of tcp://[::]:3000 but is tcp://[::]:4000. ' +
      'Something between the two processes closed or reused it: start the process again without ZERODROP_INHERIT.',
    cause,
  })
})

describe('inherited listeners', () => {
  const any = { fd: 3, requested: 'tcp://*:3000', bound: 'tcp://[::]:3000' }
  const exact = { fd: 4, requested: 'tcp://[::]:3000', bound: 'tcp://[::]:3000' }

  test('a socket is claimed by the same request first, then by the same address, each once', () => {
    const listeners = new InheritedListeners([exact, any])
    expect(listeners.take('tcp://*:3000')).toBe(any)
    expect(listeners.take('tcp://*:3000')).toBe(exact)
    expect(listeners.take('tcp://*:3000')).toBeUndefined()
    expect(listeners.left).toEqual([])
  })

  test('unclaimed listeners remain', () => {
    const listeners = new InheritedListeners([any])
    for (const address of ['tcp://*:3001', 'tcp://127.0.0.1:3000', 'unix:///run/app.sock', 'fd://3', ''])
      expect(listeners.take(address)).toBeUndefined()
    expect(listeners.left).toEqual([any])
  })

  test('the remaining listeners are closed once', () => {
    const fd = openSync(__filename, 'r')
    const listeners = new InheritedListeners([{ ...any, fd }])
    listeners.closeRest()
    expect(() => closeSync(fd)).toThrow('EBADF')
    listeners.closeRest()
    expect(listeners.left).toEqual([])
  })
})

test('the file of an unclaimed Unix socket stays until it is known to be unused', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  try {
    const file = path.join(folder, 'app.sock')
    writeFileSync(file, '')
    const fd = openSync(file, 'r')
    const listener = { fd, requested: `unix://${file}`, bound: `unix://${file}` }
    const [left] = new InheritedListeners([listener]).closeRest()
    expect([left?.file, existsSync(file)]).toEqual([file, true])
    expect(() => closeSync(fd)).toThrow('EBADF')
    // It belongs to other code by now.
    writeFileSync(`${file}.new`, '')
    renameSync(`${file}.new`, file)
    removeSocketFile(file, left?.inode)
    expect(existsSync(file)).toBe(true)
    removeSocketFile(file, inodeOf(file))
    expect(existsSync(file)).toBe(false)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
