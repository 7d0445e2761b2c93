import { freePort, leftovers, startTraffic } from '@zerodrop/traffic'
import { canRunSystemd } from '../../conformance/test/support/systemd-unit.ts'
import { beside as besideSystemd, type OnLine, prepare, unit } from './support/beside-systemd.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const beside = (
  units: Record<string, string>,
  script: string,
  onLine?: OnLine,
): Promise<string[] | undefined> => besideSystemd(undo, units, script, onLine)

/** Deploys twice, once with a version that does not start, and stops. Prints a line for each fact. */
const deploys = (port: number, name: string): string => `${prepare(port)}
unit=${name}
systemctl start $unit || exit 1
get
before=$(systemctl show $unit --property MainPID)
for version in 2 3; do version $version; systemctl reload $unit; echo "reload $?"; get; done
version broken; systemctl reload $unit >/dev/null 2>&1; echo "broken $?"; get
[ "$before" = "$(systemctl show $unit --property MainPID)" ] && echo "same pid"
systemctl show $unit --property NRestarts
curl --silent http://127.0.0.1:${port}/slow?ms=800 | grep --only-matching '"generation":3' &
sleep 0.3
systemctl stop $unit
wait
systemctl show $unit --property Result --property ExecMainStatus
`

const deployed = [
  '{"version":"1","generation":1}',
  'reload 0',
  '{"version":"2","generation":2}',
  'reload 0',
  '{"version":"3","generation":3}',
  'broken 1',
  '{"version":"3","generation":3}',
  'same pid',
  'NRestarts=0',
  '"generation":3',
  'Result=success',
  'ExecMainStatus=0',
]

const describeSystemd = canRunSystemd ? describe : describe.skip

describeSystemd('systemd', () => {
  test.each([
    ['app.service', 'simple'],
    ['app.service', 'exec'],
    ['notify.service', 'notify'],
  ])('systemctl reload, %s, Type=%s: one pid, and a broken version changes nothing', async (file, type) => {
    const port = await freePort()
    const said = await beside({ [file]: unit(file, port, type) }, deploys(port, file))
    expect(said ?? deployed).toEqual(deployed)
  })

  test('Type=notify: the status of each step', async () => {
    const port = await freePort()
    const said = await beside(
      { 'notify.service': unit('notify.service', port) },
      `${prepare(port)}
unit=notify.service
systemctl start $unit || exit 1
show StatusText
version 2; systemctl reload $unit; until_shown StatusText 'generation 2 serves*'; show StatusText; systemctl is-active $unit
version broken; systemctl reload $unit >/dev/null 2>&1; until_shown StatusText '*failed*'; systemctl is-active $unit
[ "$(systemctl show $unit --property WatchdogTimestampMonotonic --value)" -gt 0 ] && echo "signs of life"
systemctl stop $unit
show Result
`,
    )
    const facts = [
      'generation 1 serves on tcp://[::]:N',
      'generation 2 serves on tcp://[::]:N',
      'active',
      'active',
      'signs of life',
      'success',
    ]
    expect(said ?? facts).toEqual(facts)
  })

  test('a unit that kills before the drain has to be over gets a warning', async () => {
    const port = await freePort()
    const text = unit('app.service', port).replace(
      'TimeoutStopSec=30',
      'TimeoutStopSec=5\nStandardError=append:/run/app.log',
    )
    const said = await beside(
      { 'app.service': text },
      `${prepare(port)}
systemctl start app
for _ in $(seq 200); do grep -q GRACE_PERIOD /run/app.log && break; sleep 0.05; done
grep --only-matching 'A stop may take .*' /run/app.log
`,
    )
    const facts = [
      'A stop may take 10000 ms (drainDelay + drainTimeout), and the platform kills this process after 5000 ms, ' +
        'by TimeoutStopSec= of the systemd unit. Raise that, or lower drainTimeout.',
    ]
    expect(said ?? facts).toEqual(facts)
  })

  test('Type=notify without a keeper: MainPID follows each restart, and the service goes on', async () => {
    const port = await freePort()
    const said = await beside(
      { 'plain.service': unit('plain.service', port) },
      `${prepare(port)}
unit=plain.service
systemctl start $unit || exit 1
get
for version in 2 3; do
  old=$(systemctl show $unit --property MainPID --value)
  version $version; systemctl reload $unit; until_shown StatusText "generation $version serves on *:N"
  while kill -0 $old 2>/dev/null; do sleep 0.05; done
  new=$(systemctl show $unit --property MainPID --value)
  [ "$new" != "$old" ] && [ "$new" = "$(curl --silent http://127.0.0.1:${port}/ | sed 's/.*"pid":\\([0-9]*\\).*/\\1/')" ] && echo "MainPID serves"
  get; systemctl is-active $unit
done
systemctl show $unit --property NRestarts
curl --silent http://127.0.0.1:${port}/slow?ms=800 | grep --only-matching '"generation":3' &
sleep 0.3
systemctl stop $unit
wait
show Result
`,
    )
    const facts = [
      '{"version":"1","generation":1}',
      'MainPID serves',
      '{"version":"2","generation":2}',
      'active',
      'MainPID serves',
      '{"version":"3","generation":3}',
      'active',
      'NRestarts=0',
      '"generation":3',
      'success',
    ]
    expect(said ?? facts).toEqual(facts)
  })

  test('a socket unit: systemctl restart and reload under load lose nothing', async () => {
    const port = await freePort()
    let traffic: ReturnType<typeof startTraffic> | undefined
    let result: Awaited<ReturnType<ReturnType<typeof startTraffic>['stop']>> | undefined
    const units = {
      'activated.service': unit('activated.service', port),
      'activated.socket': unit('activated.socket', port),
    }
    const said = await beside(
      units,
      `${prepare(port)}
systemctl start activated.socket activated.service || exit 1
get
echo up; read -r line
for version in 2 3; do version $version; systemctl restart activated.service; echo "restart $?"; read -r line; done
version 4; systemctl reload activated.service; echo "reload $?"; read -r line
get
echo over; read -r line
systemctl stop activated.socket activated.service
`,
      async (line) => {
        if (line === 'up') {
          traffic = startTraffic({ port, keepAliveClients: 10 })
          undo.add(() => traffic?.stop())
        }
        if (line === 'over') result = await traffic?.stop()
        else await traffic?.after(50)
      },
    )
    const facts = [
      '{"version":"1","generation":1}',
      'up',
      'restart 0',
      'restart 0',
      'reload 0',
      '{"version":"4","generation":2}',
      'over',
    ]
    expect(said ?? facts).toEqual(facts)
    const { lost, refused, losses } = result ?? { lost: 0, refused: 0, losses: [] }
    expect({ lost, refused, losses }).toEqual({ lost: 0, refused: 0, losses: [] })
  })
})
