import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { preloadOf, startWith, withOtherPreload, withoutPreload } from '../../src/system/preloading.ts'

const words = {
  options: ['--no-warnings', '-r', './app.cjs'],
  rest: ['--', 'server.js', '-x'],
  script: 'server.js',
}
const typed = [...words.options, ...words.rest]

test('the preload comes before the application’s own preloads', () => {
  const env = { NODE_OPTIONS: '--no-warnings --title=require' }
  expect(startWith('/p.js', words, env)).toEqual({ args: ['--require', '/p.js', ...typed], env })
})

test.each(['-r ./a.cjs', '--require ./a.cjs', '--title=x --require=./a.cjs', '"--require" "./a.cjs"'])(
  'also before what NODE_OPTIONS preloads, by NODE_OPTIONS: %s',
  (NODE_OPTIONS) => {
    const { args, env } = startWith('/p.js', words, { A: '1', NODE_OPTIONS })
    expect(args).toEqual(typed)
    expect(env).toEqual({ A: '1', NODE_OPTIONS: `--require "/p.js" ${NODE_OPTIONS}` })
    expect(withoutPreload({ ...env }, '/p.js')).toEqual({ A: '1', NODE_OPTIONS })
    expect(withoutPreload({ ...env }, '/q.js')).toEqual(env)
    expect(withoutPreload({ ...env }, undefined)).toEqual(env)
  },
)

test('Node finds the preload whatever its directory is called', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'zero "drop\\" '))
  try {
    const [own, other] = ['own.cjs', 'other.cjs'].map((name) => path.join(folder, name)) as [string, string]
    writeFileSync(own, 'console.log("own")')
    copyFileSync(own, other)
    writeFileSync(path.join(folder, 'other.cjs'), 'console.log("other")')
    const { env } = startWith(own, words, { NODE_OPTIONS: '--require ./other.cjs' })
    const { stdout } = spawnSync(process.execPath, ['-e', '0'], { cwd: folder, env, encoding: 'utf8' })
    expect(stdout).toBe('own\nother\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('under Plug’n’Play the preload comes after the application’s own, which make archives readable', () => {
  process.versions['pnp'] = '3'
  try {
    expect(startWith('/a.zip/p.js', words, { NODE_OPTIONS: '-r ./.pnp.cjs' })).toEqual({
      args: [...words.options, '--require', '/a.zip/p.js', ...words.rest],
      env: { NODE_OPTIONS: '-r ./.pnp.cjs' },
    })
  } finally {
    Reflect.deleteProperty(process.versions, 'pnp')
  }
})

test('without a preload, the arguments are unchanged', () => {
  expect(startWith(undefined, words, {})).toEqual({ args: typed, env: {} })
})

test.each([undefined, '-r ./a.cjs'])(
  'a preload is found in a start, and exchanged or left out: %s',
  (NODE_OPTIONS) => {
    const env = NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS }
    const [own, other] = ['/a "b"\\c/system/preload.js', '/d/system/preload.js']
    const start = startWith(own, words, env)
    expect(preloadOf(start)).toBe(own)
    expect(withOtherPreload(start, own, other)).toEqual(startWith(other, words, env))
    expect(withOtherPreload(start, own, undefined)).toEqual(startWith(undefined, words, env))
    expect(preloadOf({ args: typed, env })).toBeUndefined()
  },
)
