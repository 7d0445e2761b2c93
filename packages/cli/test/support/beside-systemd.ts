import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Leftovers } from '@zerodrop/traffic'

const root = path.join(__dirname, '../../../..')
const bin = path.join(root, 'packages/cli/dist/main.js')
const server = path.join(__dirname, '../fixtures/server.mjs')
const besideSystemd = path.join(__dirname, 'beside-systemd.sh')

/** What the box exits with where it cannot work. */
const cannot = 77

/** Gets each line that the script prints; when what it returns has resolved, the script can read a line. */
export type OnLine = (line: string) => unknown

/** A unit of the examples, with the paths of this checkout. */
export function unit(file: string, port: number, type?: string): string {
  const text = readFileSync(path.join(root, 'examples/systemd', file), 'utf8')
    .replace('[Unit]', '[Unit]\nDefaultDependencies=no')
    .replace(/^After=network.target/m, 'After=')
    .replace('WorkingDirectory=/srv/app/current', `WorkingDirectory=${path.dirname(server)}`)
    .replace('PWD=/srv/app/current', `PWD=${path.dirname(server)}`)
    .replace('PORT=3000', `PORT=${port} VERSION_FILE=/run/version.txt`)
    .replace('ListenStream=3000', `ListenStream=127.0.0.1:${port}`)
    .replace(/server\.js$/gm, 'server.mjs')
    .replace('/usr/bin/node', process.execPath)
    .replaceAll('/srv/app/current/node_modules/.bin/zerodrop', `${process.execPath} ${bin}`)
  return type === undefined ? text : text.replace(/^Type=.*/m, `Type=${type}`)
}

/**
 * Runs a script beside a systemd that has these units; undefined where that cannot be done.
 */
export async function beside(
  undo: Leftovers,
  units: Record<string, string>,
  script: string,
  onLine: OnLine = () => {},
): Promise<string[] | undefined> {
  const folder = mkdtempSync('/var/tmp/zerodrop-units-')
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(units)) writeFileSync(path.join(folder, name), text)
  const child = spawn(besideSystemd, [folder, 'bash', '-c', script], { stdio: ['pipe', 'pipe', 'pipe'] })
  undo.add(() => child.kill('SIGTERM'))
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stdin.on('error', () => {})
  createInterface({ input: child.stdout }).on('line', (line) => {
    void Promise.resolve(onLine(line)).then(() => child.stdin.write('\n'))
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== cannot) return said.stdout.trim().split('\n')
  console.warn(`not run, systemd cannot be started here: ${said.stderr.trim()}`)
  return undefined
}

/** Shell functions for the scripts, which begin with version 1. */
export const prepare = (port: number): string => `
[ -e ${bin} ] || exit ${cannot}
version() { echo $1 > /run/version.txt; }
get() { curl --silent --show-error --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:${port}/ | sed 's/"pid":[0-9]*,//'; echo; }
show() { systemctl show $unit --property $1 --value | sed 's/[0-9]\\{4,\\}/N/g'; }
until_shown() { for _ in $(seq 200); do case "$(show $1)" in $2) return;; esac; sleep 0.05; done; echo "never $1=$2"; }
version 1
`
