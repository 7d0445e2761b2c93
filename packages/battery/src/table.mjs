/** The result of the battery as docs/frameworks.md has it. */
import { execFileSync } from 'node:child_process'

const here = import.meta.dirname
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here, encoding: 'utf8' }).trim()

/** @param rows what each application did, with and without zerodrop */
export function tables(rows) {
  return [
    `Node ${process.version}, Linux. Lost requests, of 20 clients.`,
    '',
    '| application | zerodrop | SIGTERM: lost, 5xx | exit | cleans up | 3 restarts: lost, refused, 5xx | connections kept | cleans up | bad deploy: lost, refused, 5xx | still serves | run at |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map(row),
  ].join('\n')
}

function row({ application, zerodrop, result: { stop, restarts, badDeploy } }) {
  const { processes = 1, title } = application.settings
  const cells = [
    title,
    zerodrop ? 'yes' : 'no',
    `${stop.lost}, ${stop.errors}`,
    stop.exit,
    cleanUp(stop.cleanUp, processes),
    `${restarts.lost}, ${restarts.refused}, ${restarts.errors}`,
    `${restarts.kept} of 20`,
    restarts.refusedAs ? `refused: ${restarts.refusedAs}` : cleanUp(restarts.cleanUp, 3 * processes),
    badDeploy === undefined ? '' : `${badDeploy.lost}, ${badDeploy.refused}, ${badDeploy.errors}`,
    badDeploy === undefined ? '' : badDeploy.serves ? 'yes' : '**no**',
    commit,
  ]
  return `| ${cells.join(' | ')} |`
}

function cleanUp(counted, processes) {
  if (counted === undefined) return ''
  const { right, early, never } = counted
  if (right === processes) return 'once, last'
  const faults = [early > 0 && `${early} × too early`, never > 0 && `${never} × never`].filter(Boolean)
  return faults.length > 0 ? faults.join(', ') : 'more than once'
}
