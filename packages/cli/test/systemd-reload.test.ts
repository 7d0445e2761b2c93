import { freePort, leftovers } from '@zerodrop/traffic'
import { canRunSystemd, systemdVersion } from '../../conformance/test/support/systemd-unit.ts'
import { beside, prepare, unit } from './support/beside-systemd.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const describeSystemd = canRunSystemd ? describe : describe.skip
const describeNotifyReload = systemdVersion >= 253 ? describe : describe.skip

describeSystemd('systemd', () => {
  test('a stop during a reload is no failure of the service', async () => {
    const port = await freePort()
    const said = await beside(
      undo,
      { 'app.service': unit('app.service', port) },
      `${prepare(port)}
unit=app.service
systemctl start $unit || exit 1
get
version unready; systemctl reload $unit >/dev/null 2>&1 & reload=$!
until_shown ControlPID '[1-9]*'
systemctl stop $unit
wait $reload || echo "reload failed"
show Result; show ActiveState
`,
    )
    const facts = ['{"version":"1","generation":1}', 'reload failed', 'success', 'inactive']
    expect(said ?? facts).toEqual(facts)
  })

  test('WatchdogSec=: systemd starts a server whose event loop hangs again', async () => {
    const port = await freePort()
    const text = unit('notify.service', port).replace('WatchdogSec=30', 'WatchdogSec=5\nRestartSec=100ms')
    const said = await beside(
      undo,
      { 'notify.service': text },
      `${prepare(port)}
unit=notify.service
systemctl start $unit || exit 1
version 2; systemctl reload $unit; get
version 3
curl --silent --max-time 60 http://127.0.0.1:${port}/block
until_shown NRestarts 1; until_shown SubState running; get
`,
    )
    const facts = ['{"version":"2","generation":2}', '{"version":"3","generation":1}']
    expect(said ?? facts).toEqual(facts)
  })
})

describeNotifyReload('Type=notify-reload (needs systemd 253)', () => {
  test('a reload waits for the new version, several are served one after the other, and none hangs', async () => {
    const port = await freePort()
    const said = await beside(
      undo,
      // A reload without its notices would end with an error after this time.
      {
        'notify-reload.service': `${unit('notify-reload.service', port)}[Service]\nTimeoutStartSec=20\n`,
      },
      `${prepare(port)}
unit=notify-reload.service
serves() { [ "$(curl --silent http://127.0.0.1:${port}/ | sed 's/.*"pid":\\([0-9]*\\).*/\\1/')" = "$(systemctl show $unit --property MainPID --value)" ] && echo "MainPID serves"; }
systemctl start $unit || exit 1
for version in 2 3; do version $version; systemctl reload $unit; echo "reload $?"; get; serves; done
version broken; systemctl reload $unit; echo "reload $?"; get; show ReloadResult
show StatusText | grep --only-matching 'generation 3 serves.*the last restart failed: ERR_ZERODROP_SUCCESSOR_EXITED'
version 4; systemctl reload $unit & reload=$!
version 5; systemctl reload $unit; echo "reload $?"; wait $reload; echo "reload $?"
curl --silent http://127.0.0.1:${port}/ | grep --only-matching '"version":"5"'
serves; show NRestarts
version unready; systemctl reload $unit 2>/dev/null & until_shown ActiveState reloading; systemctl stop $unit; show Result; show ActiveState
`,
    )
    const facts = [
      'reload 0',
      '{"version":"2","generation":2}',
      'MainPID serves',
      'reload 0',
      '{"version":"3","generation":3}',
      'MainPID serves',
      'reload 0',
      '{"version":"3","generation":3}',
      'success',
      'generation 3 serves on tcp://[::]:N; the last restart failed: ERR_ZERODROP_SUCCESSOR_EXITED',
      'reload 0',
      'reload 0',
      '"version":"5"',
      'MainPID serves',
      '0',
      'success',
      'inactive',
    ]
    expect(said ?? facts).toEqual(facts)
  })
})
