import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import { errorCodes, ZerodropError } from '../../src/errors/zerodrop-error.ts'

const root = path.resolve(__dirname, '../../../..')
const codes = Object.keys(errorCodes)

test('docs/errors.md has a section for each code with the line from the table, in the same order', () => {
  const docs = readFileSync(path.join(root, 'docs/errors.md'), 'utf8')
  const sections = docs.split(/^## /m).slice(1)
  expect(sections.map((section) => section.split('\n')[0])).toEqual(codes)
  for (const [index, meaning] of Object.values(errorCodes).entries()) {
    const lines = sections[index]?.split('\n') ?? []
    expect(lines.slice(0, 3)).toEqual([codes[index], '', meaning])
    for (const label of ['When', 'Seen', 'Do'])
      expect(lines.filter((line) => line.startsWith(`- **${label}:** `))).toHaveLength(1)
  }
})

test('every code in the table is raised somewhere, and no other code is', () => {
  const sources = ['core', 'express', 'koa', 'fastify'].flatMap((name) => {
    const src = path.join(root, 'packages', name, 'src')
    return readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.m?ts$/.test(file) && !file.endsWith('zerodrop-error.ts'))
      .map((file) => readFileSync(path.join(src, file), 'utf8'))
  })
  // In quotes only: comments put codes in backticks.
  const raised = sources.join('\n').matchAll(/'(ERR_ZERODROP_\w+)'/g)
  expect(new Set(Array.from(raised, ([, code]) => code))).toEqual(new Set(codes))
})

test('an error prints its name, code and cause, if it has a cause', () => {
  const cause = new Error('the cause')
  const error = new ZerodropError('ERR_ZERODROP_SPAWN_FAILED', 'It failed.', { cause })
  expect(error).toMatchObject({ name: 'ZerodropError', code: 'ERR_ZERODROP_SPAWN_FAILED', cause })
  expect(inspect(error)).toMatch(/^ZerodropError: It failed\.[^]*ERR_ZERODROP_SPAWN_FAILED[^]*the cause/)
  expect(Object.keys(error)).toEqual(['code'])
  for (const options of [undefined, {}, { cause: undefined }])
    expect(new ZerodropError('ERR_ZERODROP_SPAWN_FAILED', 'It failed.', options)).not.toHaveProperty('cause')
})
