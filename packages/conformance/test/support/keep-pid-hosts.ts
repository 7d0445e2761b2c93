import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Way } from './keep-pid-host.ts'
import { isNotified, systemdUnit, systemdVersion } from './systemd-unit.ts'

/** What a host needs to know to run a server. */
export interface HostedProgram {
  /** The command that starts the server. */
  readonly words: readonly string[]
  /** Where it starts, with a package.json that has the command as its start script. */
  readonly folder: string
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  readonly way: Way
}

/** Somebody who runs a server and, mostly, relies on its pid. */
export interface Host {
  readonly name: string
  readonly needs: string
  /** The command that runs it; undefined where that cannot be tried. */
  readonly wrap: ((program: HostedProgram) => readonly string[]) | undefined
  /** Whether only `npm run keep-pid` tries it. */
  readonly rare?: boolean
  /** The output of a process that does not keep its pid; undefined if no other program relies on the pid. */
  readonly refusal?: RegExp
  /** What it makes of every status of a server that has crashed. */
  readonly crashesAs?: number
  /** Who gets the signals: a line for the command to read, or the parent of the first process. */
  readonly signals?: 'lines' | 'the parent'
  /** Where the folder is to be. */
  readonly below?: string
}

const fixtures = path.join(__dirname, '../../fixtures/keep-pid')

/** Makes a process number 1 of a name space of its own, as a container does. */
export const isolated: readonly string[] = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']

/** Runs a program on a terminal of its own, made by Python: Node cannot. */
export const terminal: readonly string[] = ['python3', path.join(fixtures, 'terminal.py')]

const works = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0

export const canIsolate: boolean = works(isolated[0]!, ...isolated.slice(1), 'true')
export const hasPython: boolean = works('python3', '-c', 'import pty')

/** Where `npm run keep-pid` has installed the other package managers. */
const tools = process.env['ZERODROP_TEST_TOOLS']

function tool(file: string): string | undefined {
  const found = tools === undefined ? undefined : path.join(tools, 'node_modules', file)
  return found !== undefined && existsSync(found) ? found : undefined
}

const isRefused = /ERR_ZERODROP_SUPERVISED/
const isTold = /sees it end, because/

function container(name: string, needs: string, before: readonly string[] | undefined): Host {
  const wrap: Host['wrap'] = ({ words }) => [...isolated, ...before!, ...words]
  return { name, needs, wrap: canIsolate && before ? wrap : undefined, refusal: isRefused }
}

function reaper(program: string, ...args: string[]): Host {
  const runs = works(program, '--version')
  const host = container(
    `the child of ${program}`,
    `unshare and ${program}`,
    runs ? [program, ...args] : undefined,
  )
  return { ...host, signals: 'the parent' }
}

function scriptRunner(name: string, needs: string, command: readonly string[] | undefined): Host {
  return { name, needs, wrap: command && (() => command), refusal: isTold }
}

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ')

/** @param oldest the first version of systemd that has this type */
function systemd(type: string, { socket = false, oldest = 1 } = {}): Host {
  return {
    name: `systemd, Type=${type}${socket ? ', a socket unit' : ''}`,
    needs: `root and systemd${oldest > 1 ? ` ${oldest}` : ''}`,
    wrap: systemdVersion >= oldest ? (program) => systemdUnit(program, { type, socket }) : undefined,
    rare: true,
    signals: 'lines',
    below: '/var/tmp',
    // Notified of the new pid, systemd follows it.
    ...(isNotified(type) ? {} : { refusal: isRefused }),
  }
}

const pnpm = tool('pnpm/bin/pnpm.cjs')
const yarn = tool('yarn/bin/yarn.js')
const berry = tool('@yarnpkg/cli-dist/bin/yarn.js')
const { execPath } = process
const canRunScripts = Number.parseInt(process.versions.node, 10) >= 22

/** It runs no script before it has installed, and keeps packages where other programs find them only if it is told to. */
function berryIn(folder: string, program: string): readonly string[] {
  writeFileSync(path.join(folder, 'yarn.lock'), '')
  writeFileSync(path.join(folder, '.yarnrc.yml'), 'nodeLinker: node-modules\nenableTelemetry: false\n')
  const { status, stdout } = spawnSync(execPath, [program, 'install'], { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(`yarn install failed: ${stdout}`)
  return [execPath, program, 'run', 'start']
}

/** The name of an image with this Node, which `npm run keep-pid` has made if an engine of Docker is there. */
const image = process.env['ZERODROP_TEST_IMAGE']
const root = path.join(__dirname, '../../../..')

/** Only the container has the variables by which its processes are found; the client of Docker has none of them. */
function dockerRun(name: string, { words, folder, env }: HostedProgram): readonly string[] {
  const without = Object.keys(env).flatMap((variable) => ['--unset', variable])
  const variables = Object.entries(env).flatMap(([variable, value]) => ['--env', `${variable}=${value}`])
  const volumes = ['--volume', `${root}:${root}:ro`, '--volume', `${folder}:${folder}`, '--workdir', folder]
  return [
    'env',
    ...without,
    'docker',
    'run',
    '--rm',
    '--network',
    'host',
    ...volumes,
    ...variables,
    name,
    ...words,
  ]
}

/** All that `npm run keep-pid` tries; `npm test` leaves out the rare ones. */
export const hosts: readonly Host[] = [
  {
    name: 'a shell at which a person types',
    needs: 'nothing',
    wrap: ({ words }) => words,
    rare: true,
  },
  container('number 1 of a container', 'unshare', []),
  {
    ...container('the only child of a shell that is number 1', 'unshare', []),
    wrap: canIsolate ? ({ words }) => [...isolated, '/bin/sh', '-c', `${quoted(words)}; exit $?`] : undefined,
  },
  {
    name: 'a Docker container',
    needs: 'a Docker engine',
    wrap: image === undefined ? undefined : (program) => dockerRun(image, program),
    refusal: isRefused,
    rare: true,
  },
  reaper('tini', '--'),
  { ...reaper('dumb-init', '--'), rare: true },
  scriptRunner('npm start', 'npm', ['npm', 'start', '--silent']),
  {
    ...scriptRunner('node --run start', 'Node 22', canRunScripts ? [execPath, '--run', 'start'] : undefined),
    rare: true,
    crashesAs: 1,
  },
  {
    ...scriptRunner('pnpm start', 'pnpm', pnpm ? [execPath, pnpm, '--silent', 'start'] : undefined),
    rare: true,
  },
  {
    ...scriptRunner('yarn start', 'yarn 1', yarn ? [execPath, yarn, '--silent', 'start'] : undefined),
    rare: true,
  },
  {
    ...scriptRunner('yarn 4 start', 'yarn 4', undefined),
    wrap: berry ? ({ folder }) => berryIn(folder, berry) : undefined,
    rare: true,
  },
  {
    name: 'a terminal',
    needs: 'python3',
    wrap: hasPython ? ({ words }) => [...terminal, ...words] : undefined,
    refusal: isTold,
  },
  systemd('simple'),
  systemd('exec'),
  systemd('forking'),
  systemd('notify'),
  systemd('simple', { socket: true }),
  systemd('notify-reload', { oldest: 253 }),
]
