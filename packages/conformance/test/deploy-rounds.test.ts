import { setTimeout as delay } from 'node:timers/promises'
import { leftovers } from '@zerodrop/traffic'
import type { AppProcess } from '../src/app-process.ts'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** How many; `npm run deploy-rounds` makes 200. */
const rounds = Number(process.env['ZERODROP_ROUNDS'] ?? 8)

/** The longest time between two deploys of a round, in milliseconds: a start and a handover, and some more. */
const longest = 600

/** Who is signalled: the oldest process there is, the newest, or all of them. */
const targets = {
  oldest: (pids: readonly number[]) => pids.slice(0, 1),
  newest: (pids: readonly number[]) => pids.slice(-1),
  all: (pids: readonly number[]) => pids,
}

describePosix('releases that are deployed at random moments', () => {
  test(
    `in each of ${rounds} rounds the last one serves, whoever was signalled`,
    async () => {
      const site = await Site.start(undo, 'http.mjs', { lingerTimeout: 100 })
      const { app } = site
      let version = 1
      for (let round = 0; round < rounds; round++) {
        const told: string[] = []
        for (let deploys = 1 + Math.floor(Math.random() * 4); deploys > 0; deploys--) {
          site.deploy(`${++version}`)
          told.push(await signalSome(app))
          // By time and not by an event: the moment is to be any.
          if (deploys > 1) await delay(Math.random() * longest)
        }
        const serves = await settled(site, `${version}`)
        if (serves !== `${version}`)
          throw new Error(
            `round ${round}: ${serves} serves and not ${version}; signals went to ${told.join(' ')}\n${app.stderr.slice(-4000)}`,
          )
      }
      expect(app.stderr).not.toContain('restart failed')
    },
    60_000 + rounds * 10_000,
  )
})

/**
 * Sends SIGHUP to some of the processes; resolves with to whom, when at least one of them must act on it. One that has
 * said before that it exits need not: the kernel takes a signal to a process that is on its way out, and drops it.
 */
async function signalSome(app: AppProcess): Promise<string> {
  const names = Object.keys(targets) as (keyof typeof targets)[]
  const name = names[Math.floor(Math.random() * names.length)] as keyof typeof targets
  for (;;) {
    const pids = targets[name](app.family().toSorted((one, other) => one - other)).filter(hangUp)
    // All that was said before the signal has been read after that.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
    const isExiting = (pid: number): boolean =>
      app.lines.findLast((line) => line.pid === pid)?.event === 'exiting'
    if (pids.some((pid) => !isExiting(pid))) return `${name}: ${pids.join()}`
  }
}

/** Resolves with the version that serves: the last one, or the wrong one if that does not change any more. */
async function settled(site: Site, version: string): Promise<string | undefined> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const client = await site.connect()
    const { version: serves } = identityOf(await client.request())
    client.destroy()
    if (serves === version || performance.now() > deadline) return serves
    await delay(20)
  }
}

function hangUp(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGHUP')
  } catch {
    return false
  }
}
