import { setTimeout as delay } from 'node:timers/promises'
import { leftovers } from '@zerodrop/traffic'
import type { AppProcess } from '../src/app-process.ts'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** How many; `npm run deploy-rounds` makes 200. */
const rounds = Number(process.env['ZERODROP_ROUNDS'] ?? 8)

/** The longest time between two deploys of a round, in milliseconds: a start and a hand-over, and some more. */
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
          told.push(signalSome(app))
          // By time and not by an event: the moment is to be any.
          if (deploys > 1) await delay(Math.random() * longest)
        }
        const serves = await settled(site, `${version}`)
        expect({ round, told, serves }).toEqual({ round, told, serves: `${version}` })
      }
      expect(app.stderr.match(/^.*restart failed.*$/gm)).toBeNull()
    },
    60_000 + rounds * 10_000,
  )
})

/** Sends SIGHUP to some of the processes; returns to whom. At least one of them is told, as by any script that checks. */
function signalSome(app: AppProcess): string {
  const names = Object.keys(targets) as (keyof typeof targets)[]
  const name = names[Math.floor(Math.random() * names.length)] as keyof typeof targets
  for (;;) {
    const pids = targets[name](app.family().toSorted((one, other) => one - other))
    if (pids.filter(hangUp).length > 0) return `${name}: ${pids.join()}`
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
