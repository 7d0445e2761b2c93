import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { askPath, controlPath } from '../../src/system/control-path.ts'
import { type Control, openControl } from '../../src/system/control-socket.ts'

let folder: string
const controls: Control[] = []
const { XDG_RUNTIME_DIR: session } = process.env

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
})

afterEach(() => {
  for (const control of controls.splice(0)) control.close()
  if (session === undefined) delete process.env['XDG_RUNTIME_DIR']
  else process.env['XDG_RUNTIME_DIR'] = session
  rmSync(folder, { recursive: true })
})

async function open(file?: string): Promise<void> {
  controls.push(await openControl(file))
}

function ask(file: string, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const socket = net.connect(file, () => socket.write(what))
    socket.setEncoding('utf8').on('data', (text: string) => (said += text))
    socket.on('error', reject).on('end', () => resolve(said))
  })
}

const describePosix = process.platform === 'win32' ? describe.skip : describe

describePosix('the control socket', () => {
  test('is accessible to its user only, and relays the keeper’s answers', async () => {
    const file = path.join(folder, 'control.sock')
    await open(file)
    controls[0]!.serve({ ask: async (what) => ({ result: { asked: what } }) })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(JSON.parse(await ask(file, 'status\n'))).toEqual({ result: { asked: 'status' } })
    expect(JSON.parse(await ask(file, 'bogus\n'))).toEqual({
      error: { message: 'A keeper knows restart, stop, status.' },
    })
  })

  test('of a live keeper is not replaced, but that of a dead keeper is', async () => {
    const file = path.join(folder, 'control.sock')
    await open(file)
    await expect(open(file)).rejects.toMatchObject({ code: 'ERR_ZERODROP_CONTROL_UNAVAILABLE' })
    const stale = path.join(folder, 'stale.sock')
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(path.join(folder, 'first.sock'), resolve))
    // As if its process had been killed, because closing removes the file at the bound path.
    linkSync(path.join(folder, 'first.sock'), stale)
    await new Promise((resolve) => server.close(resolve))
    await open(stale)
    expect(controls).toHaveLength(2)
  })

  test('does not replace a file that is not a socket', async () => {
    const file = path.join(folder, 'precious')
    writeFileSync(file, 'text')
    await expect(open(file)).rejects.toMatchObject({
      code: 'ERR_ZERODROP_CONTROL_UNAVAILABLE',
      message: expect.stringContaining('EADDRINUSE'),
    })
    expect(readFileSync(file, 'utf8')).toBe('text')
  })

  test('rejects a path that is empty or too long for a socket', async () => {
    const prefix = path.join(folder, 'long')
    for (const file of ['', `${prefix}${'g'.repeat(108 - prefix.length)}`])
      await expect(open(file)).rejects.toMatchObject({
        code: 'ERR_ZERODROP_CONTROL_UNAVAILABLE',
        message: expect.stringMatching(/^The path of the control socket is (empty|too long)/),
      })
    expect(readdirSync(folder)).toEqual([])
  })

  test('is a file, not a port, if its path is a number', async () => {
    const before = process.cwd()
    process.chdir(folder)
    try {
      await open('8080')
      expect(statSync(path.join(folder, '8080')).isSocket()).toBe(true)
      for (const control of controls.splice(0)) control.close()
    } finally {
      process.chdir(before)
    }
    expect(readdirSync(folder)).toEqual([])
  })

  test('leaves the file of a keeper that has replaced it', async () => {
    const file = path.join(folder, 'control.sock')
    await open(file)
    rmSync(file)
    // Keeps the file system from reusing its inode number for the next file.
    writeFileSync(path.join(folder, 'other'), '')
    await open(file)
    const [first, second] = controls.splice(0)
    first!.close()
    expect(statSync(file).isSocket()).toBe(true)
    second!.close()
    expect(readdirSync(folder)).toEqual(['other'])
  })

  test('is not opened in a directory that other users can write to', async () => {
    process.env['XDG_RUNTIME_DIR'] = folder
    mkdirSync(path.join(folder, 'zerodrop'))
    chmodSync(path.join(folder, 'zerodrop'), 0o777)
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_ZERODROP_CONTROL_UNAVAILABLE',
      message: expect.stringContaining('nobody else can write to'),
    })
    rmSync(path.join(folder, 'zerodrop'), { recursive: true })
    await open()
    expect(statSync(path.join(folder, 'zerodrop', `${process.pid}.sock`)).isSocket()).toBe(true)
  })
})

test.each([
  [{ RUNTIME_DIRECTORY: '/run/app:/run/other', XDG_RUNTIME_DIR: '/run/user/7' }, '/run/app/zerodrop.sock'],
  [{ XDG_RUNTIME_DIR: '/run/user/7' }, '/run/user/7/zerodrop/42.sock'],
  [{ RUNTIME_DIRECTORY: '', XDG_RUNTIME_DIR: '', TMPDIR: '/scratch' }, '/scratch/zerodrop-7/42.sock'],
])('a process that was started with %j answers at %s', (env, file) => {
  const controlled = { pid: 42, uid: 7, env }
  expect(controlPath(controlled)).toBe(file)
  expect(askPath(controlled)).toBe(path.join(path.dirname(file), '42.ask'))
})
