/**
 * `npm run matrix [-- SITUATION…]`: gives every situation of `zerodrop verify`, around a stop and around a restart, a server
 * that is wrong in this situation and right in every other, and runs all situations. Exits with 1 unless exactly this situation
 * fails, and those that follow from it (follows.json).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const bin = path.join(here, '../../dist/main.js')
const fixture = path.join(here, 'fixtures/wrong-once.mjs')
const follows = JSON.parse(readFileSync(path.join(here, 'fixtures/follows.json'), 'utf8'))
const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-matrix-'))
const broken = path.join(folder, 'broken')
const routes = JSON.parse(readFileSync(path.join(here, 'fixtures/route-flags.json'), 'utf8'))
const events = {
  stop: [],
  restart: ['--restart', 'SIGHUP', '--break', `touch ${broken}`, '--mend', `rm ${broken}`],
}
const overHttp2 = {
  stop: ['says GOAWAY and finishes no stream', 'closes its HTTP/2 connections'],
  restart: ['says GOAWAY and finishes no stream', 'cancels its streams', 'closes its HTTP/2 connections'],
}
const chosen = process.argv.slice(2)
let wrong = 0
const from = performance.now()
try {
  for (const [event, flags] of Object.entries(events)) {
    const names = Object.keys(await tell(event, flags, ['none'], []))
    await tell(event, [...flags, '--h2'], ['none', 'over TLS'], [])
    for (const name of names) {
      if (chosen.length > 0 && !chosen.includes(name)) continue
      const expected = [name, ...Object.keys(follows[name] ?? {})].filter((each) => names.includes(each))
      if (name === 'http2-streams')
        for (const way of overHttp2[event]) await tell(event, [...flags, '--h2'], [name, way], expected)
      else await tell(event, flags, [name], expected)
    }
    if (chosen.length === 0 && event === 'restart')
      await tell(event, flags, ['two-deploys', 'ignores it'], ['two-deploys'])
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${wrong} servers were judged wrongly, ${((performance.now() - from) / 1000).toFixed(0)} s`)
process.exitCode = wrong > 0 ? 1 : 0

/** Runs all situations against a server, and compares those that fail with those that have to. */
async function tell(event, flags, server, expected) {
  const args = [
    bin,
    'verify',
    '--json',
    '--limit',
    '6000',
    ...routes,
    ...flags,
    '--',
    process.execPath,
    fixture,
    ...server,
  ]
  const env = { ...process.env, BROKEN: broken }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => {
      said[stream] += text
    })
  const [status] = await once(child, 'close')
  if (status === null || status > 1) throw new Error(`${server.join(', ')}: ${said.stderr}`)
  const { situations, took } = JSON.parse(said.stdout)
  const failed = situations.filter(({ verdict }) => verdict === 'fail')
  const unexpected = failed.filter(({ name }) => !expected.includes(name))
  const missed = expected.filter((name) => failed.every((each) => each.name !== name))
  const isRight = unexpected.length + missed.length === 0
  if (!isRight) wrong += 1
  const skipped = situations.filter(({ verdict }) => verdict === 'skip').map(({ name }) => name)
  console.log(
    `${isRight ? '✓' : '✗'} ${event}, ${server.join(': ')}: ${failed.length} of ${situations.length - skipped.length} failed, ${(took / 1000).toFixed(1)} s${skipped.length > 0 ? `, skipped ${skipped.join(' and ')}` : ''}`,
  )
  for (const name of missed) console.log(`    ${name} passed`)
  for (const { name, runs } of unexpected)
    console.log(
      `    ${name} failed: ${runs.flatMap(({ faults }) => faults.map(({ saw }) => saw)).join('; ')}`,
    )
  return Object.fromEntries(situations.map(({ name, verdict }) => [name, verdict]))
}
