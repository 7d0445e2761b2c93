import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { freePort, leftovers, startDelayProxy, startTraffic, type Traffic } from '@zerodrop/traffic'

const root = path.join(__dirname, '../../..')
const server = path.join(__dirname, 'fixtures/server.mjs')
const besideSystemd = path.join(__dirname, 'support/beside-systemd.sh')

/** What the box exits with where it cannot work. */
const cannot = 77

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** What every tutorial has. */
const unit = (type: string, port: number, more = '', own: object = {}): string => {
  // On a machine that is busy a drain may take long; it must cut nothing for that.
  const options = { drainTimeout: 60_000, ...own }
  return `
[Unit]
DefaultDependencies=no
[Service]
Type=${type}
WorkingDirectory=${path.dirname(server)}
Environment=PORT=${port} VERSION_FILE=/run/version.txt
Environment='OPTIONS=${JSON.stringify(options)}'
ExecStart=${process.execPath} server.mjs
ExecReload=/bin/kill -HUP $MAINPID
TimeoutStopSec=90
StandardOutput=append:/run/app.log
StandardError=append:/run/app.log
${more}
`
}

const begin = (port: number, prepare: string): string => `
get() { curl --silent --show-error --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:${port}/; }
version() { get | grep --only-matching '"version":"[^"]*"'; }
serves() { for i in $(seq 300); do [ "$(version)" = "\\"version\\":\\"$1\\"" ] && break; sleep 0.1; done; version; }
said() { for i in $(seq 300); do grep --silent "$1" /run/app.log && return; sleep 0.1; done; echo "not said: $1"; }
deploy() { echo $1 > /run/version.txt; systemctl reload app; echo "reload $?"; }
echo 1 > /run/version.txt
${prepare}
systemctl start app || exit 1
get > /dev/null
before=$(systemctl show app --property MainPID)
echo started
`

const end = `
[ "$before" = "$(systemctl show app --property MainPID)" ] && echo "same pid"
systemctl show app --property NRestarts
read -r _
systemctl stop app
systemctl show app --property Result --property ExecMainStatus
`

interface Facts {
  readonly lines: readonly string[]
  readonly traffic: Awaited<ReturnType<Traffic['stop']>>
}

/** Runs a script beside systemd, under load at 30 ms round trip; undefined where that cannot be done. */
async function run(
  unitOf: (port: number) => string,
  script: string,
  prepare = '',
): Promise<Facts | undefined> {
  const units = mkdtempSync('/var/tmp/zerodrop-units-')
  undo.add(() => rmSync(units, { recursive: true, force: true }))
  const port = await freePort()
  writeFileSync(path.join(units, 'app.service'), unitOf(port))
  const proxy = await startDelayProxy({ targetPort: port, roundTrip: 30 })
  undo.add(() => proxy.close())
  const box = spawn(besideSystemd, [units, 'bash', '-c', begin(port, prepare) + script + end], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  undo.add(() => void box.kill())
  let stderr = ''
  box.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const lines: string[] = []
  let traffic: Traffic | undefined
  let report: Facts['traffic'] | undefined
  createInterface({ input: box.stdout }).on('line', (line) => {
    if (line === 'started') {
      traffic = startTraffic({ port: proxy.port, directPort: port, keepAliveClients: 20 })
      undo.add(() => traffic?.stop())
      return
    }
    lines.push(line)
    if (!line.startsWith('NRestarts')) return
    void traffic?.stop().then((each) => {
      report = each
      box.stdin.end('\n')
    })
  })
  const [status] = (await once(box, 'close')) as [number | null]
  if (status === cannot) {
    console.warn(`not run, systemd cannot be started here: ${stderr.trim()}`)
    return undefined
  }
  if (report === undefined) throw new Error(`${lines.join('\n')}\n${stderr}`)
  return { lines, traffic: report }
}

function expectNothingLost({ lost, refused, losses, connections }: Facts['traffic']): void {
  expect({ lost, refused, losses }).toEqual({ lost: 0, refused: 0, losses: [] })
  expect(connections.kept).toBe(connections.clients)
}

/** In the box everything is as outside, but for an empty /tmp. */
const canRun = process.platform === 'linux' && process.getuid?.() === 0 && !root.startsWith('/tmp/')
const canKeepPid = 'execve' in process
const describeKept = canRun && canKeepPid ? describe : describe.skip
const describeOlder = canRun && !canKeepPid ? describe : describe.skip

describeKept('systemctl reload, with ExecStart=node server.js', () => {
  test.each(['simple', 'exec'])(
    'Type=%s: nothing is lost, and MainPID and its output stay',
    async (type) => {
      const script = `
for version in 2 3; do deploy $version; serves $version; said "handed over to generation $version"; [ $version = 2 ] && said "is the keeper from now on"; done
deploy broken; said ERR_ZERODROP_SUCCESSOR_EXITED; version
grep --count '"listening"' /run/app.log`
      const facts = await run((port) => unit(type, port), script)
      if (facts === undefined) return
      expect(facts.lines).toEqual([
        'reload 0',
        '"version":"2"',
        'reload 0',
        '"version":"3"',
        'reload 0',
        '"version":"3"',
        '3',
        'same pid',
        'NRestarts=0',
        'Result=success',
        'ExecMainStatus=0',
      ])
      expectNothingLost(facts.traffic)
    },
    120_000,
  )
})

/** Each release is a folder of its own, with its version in it. */
const releases = `
release() {
  mkdir -p /run/site/$1
  echo $1 > /run/site/$1/version.txt
  echo "process.env.VERSION_FILE = '/run/site/$1/version.txt'; await import('${server}')" > /run/site/$1/server.mjs
  ln -sfn $1 /run/site/next && mv -T /run/site/next /run/site/current
}
release 1
`

describeKept('systemctl reload, with releases behind a symlink', () => {
  test('starts each version where the symlink leads by then, also when the ones before are gone', async () => {
    const script = `
for version in 2 3; do
  release $version; systemctl reload app; serves $version; said "handed over to generation $version"
  [ $version = 2 ] && said "is the keeper from now on"
  rm -r /run/site/$((version - 1))
done`
    const current = '/run/site/current'
    const unitOf = (port: number): string =>
      unit('simple', port, `Environment=PWD=${current}`).replace(path.dirname(server), current)
    const facts = await run(unitOf, script, releases)
    if (facts === undefined) return
    expect(facts.lines).toEqual([
      '"version":"2"',
      '"version":"3"',
      'same pid',
      'NRestarts=0',
      'Result=success',
      'ExecMainStatus=0',
    ])
    const { lost, refused, losses, connections } = facts.traffic
    expect({ lost, refused, losses }).toEqual({ lost: 0, refused: 0, losses: [] })
    expect(connections.kept).toBe(connections.clients)
  }, 120_000)
})

describeOlder('systemctl reload, with ExecStart=node server.js and a Node that cannot keep its pid', () => {
  test('is refused with the recipe, and the service goes on', async () => {
    const script = `
deploy 2; said 'ERR_ZERODROP_SUPERVISED.*zerodrop run.*PIDFile='; version`
    const facts = await run((port) => unit('simple', port), script)
    if (facts === undefined) return
    expect(facts.lines).toEqual([
      'reload 0',
      '"version":"1"',
      'same pid',
      'NRestarts=0',
      'Result=success',
      'ExecMainStatus=0',
    ])
    expect(facts.traffic).toMatchObject({ lost: 0, refused: 0 })
  }, 120_000)

  test.each(['simple', 'exec'])(
    'Type=%s: restarts where PIDFile= is the pidFile, which systemd follows',
    async (type) => {
      // systemd follows the pid once the old process has ended. Until then it sends a reload to that process.
      const script = `
followed() { for i in $(seq 300); do [ "$(systemctl show app --property MainPID --value)" = "$(cat /run/app.pid)" ] && echo followed && return; sleep 0.1; done; }
for version in 2 3; do deploy $version; serves $version; followed; done`
      const pidFile = '/run/app.pid'
      const facts = await run((port) => unit(type, port, `PIDFile=${pidFile}`, { pidFile }), script)
      if (facts === undefined) return
      expect(facts.lines).toEqual([
        'reload 0',
        '"version":"2"',
        'followed',
        'reload 0',
        '"version":"3"',
        'followed',
        'NRestarts=0',
        'Result=success',
        'ExecMainStatus=0',
      ])
      expectNothingLost(facts.traffic)
    },
    120_000,
  )
})
