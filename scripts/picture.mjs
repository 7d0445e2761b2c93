/**
 * `npm run picture`: draws docs/images/restart.svg, the restart under load of the README. Twice `zerodrop verify` restarts a server
 * under 30 clients that keep their connections, 30 ms away; its report has a timeline of every request, and this draws it.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { draw } from './picture/draw.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-picture-'))

try {
  const panels = [
    { title: 'Start the new process, then exit', ...timelineOf('scripts/picture/by-hand.mjs') },
    { title: 'zerodrop', ...timelineOf('benchmarks/restart/zerodrop.mjs') },
  ]
  const file = path.join(root, 'docs/images/restart.svg')
  writeFileSync(file, draw(panels))
  for (const { title, lost, requests, took } of panels)
    console.log(`${title}: ${lost} of ${requests} requests lost, ${Math.round(took)} ms`)
  console.log(`Drew ${path.relative(process.cwd(), file)}`)
} finally {
  rmSync(folder, { recursive: true })
}

/** What the clients saw when this server was restarted. */
function timelineOf(server) {
  const args = ['verify', '--json', '--restart', 'SIGHUP', '--only', 'keep-alive-race', '--limit', '20000']
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [path.join(root, 'packages/cli/dist/main.js'), ...args, '--', process.execPath, path.join(root, server)],
    { cwd: folder, env: { ...process.env, PORT: '3817' }, encoding: 'utf8', maxBuffer: 2 ** 28 },
  )
  if (status !== 0 && status !== 1) throw new Error(stderr)
  const [run] = JSON.parse(stdout).situations[0].runs
  const { timeline, took, connections } = run
  const lost = timeline.filter(({ outcome }) => outcome !== 'answered').length
  return { timeline, took: took ?? 0, connections, lost, requests: timeline.length }
}
