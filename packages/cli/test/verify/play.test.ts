import type { Launcher } from '../../src/verify/launcher.ts'
import { play } from '../../src/verify/play.ts'
import type { Event, Findings, Settings } from '../../src/verify/settings.ts'
import { situations } from '../../src/verify/situations/table.ts'

/** How many servers start before the first situation ends. */
function serversFor(event: Event, { names = [] as string[], movable = true, jobs = 6 } = {}): number {
  let launched = 0
  const launch = (): Promise<never> => {
    launched += 1
    return new Promise(() => {})
  }
  const at = event.kind === 'stop' ? 'stop' : 'restart'
  void play({
    situations: situations.filter(
      (each) => each.at.includes(at) && (names.length === 0 || names.includes(each.name)),
    ),
    launcher: { launch, launchUnready: launch, startsServers: true } as unknown as Launcher,
    findings: { movable, keepsAlive: true } as unknown as Findings,
    settings: {
      event,
      routes: { get: '/', slow: '/', large: '/', upload: '/', sse: '/', ws: '/' },
      h2: true,
      broken: { break: '', mend: '' },
    } as unknown as Settings,
    repeat: 1,
    jobs,
    onBegin: () => {},
    onEnd: () => {},
  })
  return launched
}

const stop: Event = { kind: 'stop', signal: 'SIGTERM' }
const restart: Event = { kind: 'restart', signal: 'SIGHUP' }
const command: Event = { kind: 'restart-command', command: 'deploy' }

describe('play', () => {
  test('stops as many servers side by side as --jobs says', () => {
    expect(serversFor(stop)).toBe(6)
    expect(serversFor(stop, { jobs: 2 })).toBe(2)
  })

  test('deploys up to three servers side by side', () => {
    expect(serversFor(restart)).toBe(3)
    expect(serversFor(restart, { jobs: 1 })).toBe(1)
  })

  test('uses one server if its port is fixed, or if a command deploys it', () => {
    expect(serversFor(restart, { movable: false })).toBe(1)
    expect(serversFor(stop, { movable: false })).toBe(1)
    expect(serversFor(command)).toBe(1)
  })

  test('plays the broken deploy when no other server is deployed', () => {
    expect(serversFor(restart, { names: ['silent', 'broken-deploy'] })).toBe(1)
  })
})
