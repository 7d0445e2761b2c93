import { execFileSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { leftovers } from '@zerodrop/traffic'
import { buildSync } from 'esbuild'
import { type Facts, Program } from './support/program.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]

/** The server in one file, in a folder of its own. */
function bundle(format: 'cjs' | 'esm', banner = ''): { folder: string; file: string } {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'zerodrop-')))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, format === 'cjs' ? 'server.cjs' : 'server.mjs')
  buildSync({
    entryPoints: [path.join(__dirname, '../fixtures/start/bundled.mjs')],
    outfile: file,
    format,
    platform: 'node',
    bundle: true,
    external: ['yocto-spinner'],
    banner: { js: banner },
    logLevel: 'error',
  })
  return { folder, file }
}

async function expectTheSame(command: string[], cwd: string): Promise<void> {
  const program = await Program.start(undo, command, { cwd })
  const said = [await program.next(), await program.restart(), await program.restart()]
  const alike = said.map(({ pid: _pid, generation: _generation, ...facts }: Facts) => facts)
  expect(said.map(({ generation }) => generation)).toEqual([1, 2, 3])
  expect(alike).toEqual([alike[0], alike[0], alike[0]])
  expect(alike[0]).toMatchObject({ env: {}, channel: 'undefined' })
  expect(program.stderr).not.toMatch(/preload|Error/)
}

describePosix('a bundle restarts', () => {
  // What esbuild tells its users to add: it leaves the `require` of a CommonJS package as it is.
  const banner =
    "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

  test('as an ES module, in which there is no __dirname', async () => {
    const { folder, file } = bundle('esm', banner)
    await expectTheSame([process.execPath, '--no-warnings', file, 'a'], folder)
  })

  test('as CommonJS, whose neighbours are the application’s, whatever they are called', async () => {
    const { folder, file } = bundle('cjs')
    writeFileSync(path.join(folder, 'preload.js'), "console.error('the wrong preload'); process.exit(1)")
    await expectTheSame([process.execPath, 'server.cjs', 'a'], path.dirname(file))
  })

  // Node makes the whole executable from 25.5 on; before, a package has to put the program into a copy of Node.
  const buildsSea = major > 25 || (major === 25 && minor >= 5) ? test : test.skip
  buildsSea('as a single executable, which takes its arguments for itself', async () => {
    const { folder, file } = bundle('cjs')
    const output = path.join(folder, 'app')
    writeFileSync(
      path.join(folder, 'sea.json'),
      JSON.stringify({ main: file, output, disableExperimentalSEAWarning: true }),
    )
    execFileSync(process.execPath, ['--build-sea', 'sea.json'], { cwd: folder, stdio: 'pipe' })
    await expectTheSame(['./app', 'a', '--flag'], folder)
  })
})
