import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ownPlace, programFinder } from '../../src/system/found-program.ts'

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'zerodrop-')))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const current = (): string => path.join(root, 'current')
const preloadAt = (core: string): string => path.join(core, 'dist/system/preload.js')

const packages = path.join(__dirname, '../../..')

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
}

/** Our packages that a program may install instead of the core. */
const doors = readdirSync(packages)
  .map((name) => JSON.parse(readFileSync(path.join(packages, name, 'package.json'), 'utf8')) as Manifest)
  .filter(({ private: isOurs, dependencies }) => isOurs !== true && dependencies?.['@zerodrop/core'])
  .map(({ name }) => name)

/**
 * Makes a release with zerodrop in a folder of its own, and points `current` to it.
 * @param door the package that the release has installed, from which alone the core can be found
 */
function deploy(name: string, core = 'node_modules/@zerodrop/core', door = '@zerodrop/core'): string {
  const release = path.join(root, name)
  const folder = path.join(release, core)
  mkdirSync(path.join(folder, 'dist/system'), { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "@zerodrop/core" }')
  writeFileSync(preloadAt(folder), '')
  writeFileSync(path.join(release, 'server.js'), '')
  if (core !== 'node_modules/@zerodrop/core') {
    const installed = path.join(release, 'node_modules', door)
    const target = door === '@zerodrop/core' ? folder : path.join(folder, '../..', door)
    mkdirSync(target, { recursive: true })
    if (target !== folder) writeFileSync(path.join(target, 'package.json'), '{}')
    mkdirSync(path.dirname(installed), { recursive: true })
    symlinkSync(target, installed)
  }
  symlinkSync(release, `${current()}.new`)
  renameSync(`${current()}.new`, current())
  return preloadAt(folder)
}

const remove = (name: string): void => rmSync(path.join(root, name), { recursive: true })

const file = process.execPath

test('a program whose release was removed is found in the current one', () => {
  const first = deploy('1')
  const args = [file, '--require', first, '--no-warnings', 'server.js']
  const find = programFinder({ file, args, cwd: current(), env: {}, script: 'server.js' })
  expect(find()).toMatchObject({ args, cwd: current(), file })
  const second = deploy('2')
  remove('1')
  expect(find().args).toEqual([file, '--require', second, '--no-warnings', 'server.js'])
})

test('also one that is named by an absolute path, in another directory', () => {
  const first = deploy('1')
  const script = path.join(current(), 'server.js')
  const find = programFinder({ file, args: [file, '--require', first, script], cwd: root, env: {}, script })
  const second = deploy('2')
  remove('1')
  expect(find().args).toEqual([file, '--require', second, script])
})

test('also if its package manager has put zerodrop into another folder', () => {
  const first = deploy('1', 'node_modules/.store/core-1/node_modules/@zerodrop/core')
  const args = [file, '--require', first, 'server.js']
  const find = programFinder({ file, args, cwd: current(), env: {}, script: 'server.js' })
  const second = deploy('2', 'node_modules/.store/core-2/node_modules/@zerodrop/core')
  remove('1')
  expect(find().args).toEqual([file, '--require', second, 'server.js'])
})

test.each(doors)('also if its package manager shows it only %s', (door) => {
  const first = deploy('1', 'node_modules/.store/core-1/node_modules/@zerodrop/core', door)
  const args = [file, '--require', first, 'server.js']
  const find = programFinder({ file, args, cwd: current(), env: {}, script: 'server.js' })
  const second = deploy('2', 'node_modules/.store/core-2/node_modules/@zerodrop/core', door)
  remove('1')
  expect(find().args).toEqual([file, '--require', second, 'server.js'])
})

test('also if NODE_OPTIONS names the preload', () => {
  const first = deploy('1')
  const env = { NODE_OPTIONS: `--require "${first}" --require ./own.cjs` }
  const find = programFinder({ file, args: [file, 'server.js'], cwd: current(), env, script: 'server.js' })
  const second = deploy('2')
  remove('1')
  expect(find()).toMatchObject({
    args: [file, 'server.js'],
    env: { NODE_OPTIONS: `--require "${second}" --require ./own.cjs` },
  })
})

test('a binary that was removed gives way to the one of that name, or to this process’s', () => {
  deploy('1')
  const gone = path.join(root, 'old/node')
  const find = programFinder({ file: gone, args: [gone, 'server.js'], cwd: current(), env: {} })
  expect(find().file).toBe(process.execPath)
})

test('what a predecessor has left does not reach the program', () => {
  deploy('1')
  const env = { NAME: 'value', ZERODROP_INHERIT: '{}' }
  expect(programFinder({ file, args: [file], cwd: current(), env })().env).toEqual({ NAME: 'value' })
})

test('a directory keeps the name of the shell while that leads to it', () => {
  deploy('1')
  const real = realpathSync(current())
  expect(ownPlace(real, { PWD: current() }).cwd).toBe(current())
  expect(ownPlace(real, { PWD: root }).cwd).toBe(real)
  expect(ownPlace(real, {}).cwd).toBe(real)
})
