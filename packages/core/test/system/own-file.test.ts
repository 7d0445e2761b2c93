import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { linkIfFree, nameBeside, removeOwnFile } from '../../src/system/own-file.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  file = path.join(folder, 'app.pid')
})
afterEach(() => rmSync(folder, { recursive: true }))

const isOwn = (name: string): boolean => readFileSync(name, 'utf8') === 'ours'

test('a process removes its own file but not another’s, and a missing file is not an error', () => {
  expect(removeOwnFile(file, isOwn)).toBe(true)
  writeFileSync(file, 'ours')
  expect([removeOwnFile(file, isOwn), readdirSync(folder)]).toEqual([true, []])
  writeFileSync(file, 'theirs')
  expect([removeOwnFile(file, isOwn), readFileSync(file, 'utf8')]).toEqual([false, 'theirs'])
})

test('a file that another process replaces after the check is restored', () => {
  writeFileSync(file, 'ours')
  const removed = removeOwnFile(file, (name) => {
    const own = isOwn(name)
    if (name === file) writeFileSync(file, 'theirs')
    return own
  })
  expect([removed, readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual([false, 'theirs', ['app.pid']])
})

test('a file is not restored over a newer one', () => {
  writeFileSync(file, 'ours')
  removeOwnFile(file, (name) => {
    const own = isOwn(name)
    writeFileSync(file, name === file ? 'theirs' : 'newer')
    return own
  })
  expect([readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual(['newer', ['app.pid']])
})

test('a second name is claimed once', () => {
  writeFileSync(file, 'ours')
  expect([linkIfFree(file, `${file}2`), linkIfFree(file, `${file}2`)]).toEqual([true, false])
})

test('a temporary name for a file is short, unique and in the same directory', () => {
  const names = [nameBeside('/run/a-long-name.sock'), nameBeside('/run/a-long-name.sock')]
  for (const name of names) expect(name).toMatch(/^\/run\/\.a-long-n-[0-9a-f]{10}$/)
  expect(names[0]).not.toBe(names[1])
})
