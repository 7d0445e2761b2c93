import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(__dirname, '../../..')
const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
const core = join(root, 'packages/core/src')

test('the files that CONTRIBUTING.md names exist', () => {
  const files = [...page.matchAll(/`([\w./-]+\.(?:ts|mjs))`/g)].map(([, file]) => file ?? '')
  expect(files.length).toBeGreaterThan(30)
  const places = [root, core, join(core, '..')]
  expect(files.filter((file) => !places.some((place) => existsSync(join(place, file))))).toEqual([])
})
