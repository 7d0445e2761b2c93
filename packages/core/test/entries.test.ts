import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

// Tests the built packages, as users get them, in a process without jest.
const root = path.resolve(__dirname, '../../..')

function run(script: string, ...args: string[]): unknown {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: undefined, NODE_OPTIONS: undefined },
  })
  if (stderr !== '') throw new Error(stderr)
  return JSON.parse(stdout)
}

test('import and require of every package yield the same names, values and lifecycle', () => {
  const core = [
    'ZerodropError',
    'adapter',
    'errorCodes',
    'ignore',
    'ignored',
    'lifecycle',
    'lifecycleEvents',
    'notify',
    'notifyContext',
    'reset',
  ]
  const report = run(`
    import { createRequire } from 'node:module'
    import { lifecycle } from '@zerodrop/core'
    const require = createRequire(process.cwd() + '/')
    const report = {}
    for (const name of ['core', 'express', 'koa', 'fastify']) {
      const required = require('@zerodrop/' + name)
      const imported = await import('@zerodrop/' + name)
      report[name] = {
        required: Object.keys(required).sort(),
        imported: Object.keys(imported).sort(),
        different: Object.keys(required).filter((key) => required[key] !== imported[key]),
        shared: required.lifecycle === lifecycle,
      }
    }
    console.log(JSON.stringify(report))
  `)
  const names = (...own: string[]) => {
    const all = [...core, ...own].sort((one, other) => (one < other ? -1 : 1))
    return { required: all, imported: all, different: [], shared: true }
  }
  expect(report).toEqual({
    core: names(),
    express: names('graceful'),
    koa: names('graceful'),
    fastify: names('default', 'gracefulPlugin'),
  })
})

test('two copies of the core in one process share the lifecycle, and errors are identified by code', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  try {
    for (const copy of ['one', 'other'])
      cpSync(path.join(root, 'packages/core/dist'), path.join(folder, copy), { recursive: true })
    writeFileSync(path.join(folder, 'package.json'), '{ "type": "commonjs" }')
    const report = run(
      `
        import { createRequire } from 'node:module'
        const require = createRequire(process.argv[1] + '/')
        const [one, other] = [require('./one'), require('./other')]
        const caught = (act) => { try { act() } catch (error) { return error } }
        one.lifecycle.configure({ drainTimeout: 1 })
        const channels = [one.notify('SIGURG'), other.notify('SIGURG')]
        const error = caught(() => other.lifecycle.configure({ drainTimeout: 2 }))
        console.log(JSON.stringify({
          copies: one !== other && one.ZerodropError !== other.ZerodropError,
          shared: one.lifecycle === other.lifecycle,
          registered: globalThis[Symbol.for('zerodrop.lifecycle.v1')] === one.lifecycle,
          code: error.code,
          name: error.name,
          handlers: process.listenerCount('SIGURG'),
        }))
      `,
      folder,
    )
    expect(report).toEqual({
      copies: true,
      shared: true,
      registered: true,
      code: 'ERR_ZERODROP_OPTION_CONFLICT',
      name: 'ZerodropError',
      handlers: 1,
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a server under the preload loads none of Node’s modules for TLS, HTTP/2 or UDP', () => {
  const loaded = run(`
    import { execFileSync } from 'node:child_process'
    const server = \`require('node:http').createServer().listen(0, '127.0.0.1', () => {
      console.log(JSON.stringify(process.moduleLoadList))
      process.exit()
    })\`
    const modulesOf = (...args) => JSON.parse(execFileSync(process.execPath, [...args, '-e', server]))
    const bare = new Set(modulesOf())
    const added = modulesOf('--require', '@zerodrop/core/register').filter((name) => !bare.has(name))
    console.log(JSON.stringify(added))
  `)
  expect(loaded).toContain('NativeModule worker_threads')
  for (const name of ['tls', '_tls_wrap', 'crypto', 'http2', 'https', 'dgram'])
    expect(loaded).not.toContain(`NativeModule ${name}`)
})
