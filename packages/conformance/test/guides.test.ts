import { spawnSync } from 'node:child_process'
import path from 'node:path'

/** What the battery knows: its modules are ES modules, which a test cannot import. */
const show = `
const { Application, names } = await import('./src/application.mjs')
const { guideOf, headings } = await import('./src/guides.mjs')
const applications = names().map((name) => new Application(name).settings).filter(({ guide }) => guide)
const guides = headings().map((heading) => ({ heading, ...guideOf(heading) }))
console.log(JSON.stringify({ applications, guides }))
`

test('an application of the battery runs each guide for a framework, by the command of the guide', () => {
  const cwd = path.join(__dirname, '../../battery')
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', show], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: undefined },
  })
  expect(stderr).toBe('')
  const { applications, guides } = JSON.parse(stdout) as {
    applications: { guide: { heading: string }; start: string[] }[]
    guides: { heading: string; command: string[] }[]
  }
  expect(guides.length).toBeGreaterThan(5)
  for (const { heading, command } of guides) {
    const [node, ...words] = command
    const [flag, register, ...start] = words
    expect([node, flag, register]).toEqual(['node', '--import', '@zerodrop/core/register'])
    const of = applications.filter(({ guide }) => guide.heading === heading)
    expect({ heading, applications: of.length }).not.toMatchObject({ applications: 0 })
    // What follows is the address.
    for (const application of of) expect(application.start.slice(0, start.length)).toEqual(start)
  }
})
