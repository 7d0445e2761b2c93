import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PidFile } from '../../src/lifecycle/pid-file.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  file = path.join(folder, 'app.pid')
})
afterEach(() => rmSync(folder, { recursive: true }))

test('is written next to planted symlinks, never through them', () => {
  const victim = path.join(folder, 'victim')
  writeFileSync(victim, 'precious')
  const planted = [file, `${file}.4242`, `${file}.tmp`, `${file}~`]
  for (const name of planted) symlinkSync(victim, name)
  new PidFile(4242).write(file)
  expect([readFileSync(victim, 'utf8'), readFileSync(file, 'utf8')]).toEqual(['precious', '4242\n'])
  expect(lstatSync(file).isSymbolicLink()).toBe(false)
  expect(readdirSync(folder)).toHaveLength(planted.length + 1)
  new PidFile(4242).remove(file)
  expect(readdirSync(folder)).toHaveLength(planted.length)
})

test('is kept if it names another process', () => {
  writeFileSync(file, '17\n')
  new PidFile(4242).remove(file)
  expect(readFileSync(file, 'utf8')).toBe('17\n')
})

test('that cannot be written leaves nothing behind', () => {
  expect(() => new PidFile(4242).write(folder)).toThrow(
    expect.objectContaining({ code: 'ERR_ZERODROP_PID_FILE_FAILED' }),
  )
  expect(readdirSync(path.dirname(folder)).filter((name) => name.includes(`.zerodrop-`))).toEqual([])
})
