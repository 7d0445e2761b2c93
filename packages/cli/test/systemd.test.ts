import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { freePort, leftovers } from '@zerodrop/traffic'

const root = path.join(__dirname, '../../..')
const bin = path.join(root, 'packages/cli/dist/main.js')
const server = path.join(__dirname, 'fixtures/server.mjs')
const besideSystemd = path.join(__dirname, 'support/beside-systemd.sh')

/** What the box exits with where it cannot work. */
const cannot = 77

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** The unit of the example, with the paths of this checkout. */
function unit(type: string, port: number): string {
  return readFileSync(path.join(root, 'examples/systemd/app.service'), 'utf8')
    .replace('[Unit]', '[Unit]\nDefaultDependencies=no')
    .replace('After=network.target', '')
    .replace('Type=exec', `Type=${type}`)
    .replace('WorkingDirectory=/srv/app/current', `WorkingDirectory=${path.dirname(server)}`)
    .replace('PORT=3000', `PORT=${port} VERSION_FILE=/run/version.txt`)
    .replace('run server.js', 'run server.mjs')
    .replaceAll('/srv/app/current/node_modules/.bin/zerodrop', `${process.execPath} ${bin}`)
}

/** Deploys twice, once with a version that does not start, and stops. Prints a line for each fact. */
const script = (port: number): string => `
[ -e ${bin} ] || exit ${cannot}
echo 1 > /run/version.txt
systemctl start app || exit 1
get() { curl --silent --show-error --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:${port}/ | sed 's/"pid":[0-9]*,//'; echo; }
get
before=$(systemctl show app --property MainPID)
for version in 2 3; do echo $version > /run/version.txt; systemctl reload app; echo "reload $?"; get; done
echo broken > /run/version.txt; systemctl reload app >/dev/null 2>&1; echo "broken $?"; get
[ "$before" = "$(systemctl show app --property MainPID)" ] && echo "same pid"
systemctl show app --property NRestarts
systemctl stop app
systemctl show app --property Result --property ExecMainStatus
`

/** In the box everything is as outside, but for an empty /tmp. */
const canRun = process.platform === 'linux' && process.getuid?.() === 0 && !root.startsWith('/tmp/')
const describeSystemd = canRun ? describe : describe.skip

describeSystemd('systemd', () => {
  test.each(['simple', 'exec'])(
    'systemctl reload, Type=%s: one pid, and a broken version changes nothing',
    async (type) => {
      const units = mkdtempSync('/var/tmp/zerodrop-units-')
      undo.add(() => rmSync(units, { recursive: true, force: true }))
      const port = await freePort()
      writeFileSync(path.join(units, 'app.service'), unit(type, port))
      const { status, stdout, stderr } = spawnSync(besideSystemd, [units, 'bash', '-c', script(port)], {
        encoding: 'utf8',
        timeout: 120_000,
      })
      if (status === cannot) {
        console.warn(`not run, systemd cannot be started here: ${stderr.trim()}`)
        return
      }
      expect(stdout.trim().split('\n')).toEqual([
        '{"version":"1","generation":1}',
        'reload 0',
        '{"version":"2","generation":2}',
        'reload 0',
        '{"version":"3","generation":3}',
        'broken 1',
        '{"version":"3","generation":3}',
        'same pid',
        'NRestarts=0',
        'Result=success',
        'ExecMainStatus=0',
      ])
    },
  )
})
