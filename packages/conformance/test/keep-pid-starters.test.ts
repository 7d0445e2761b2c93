import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { leftovers } from '@zerodrop/traffic'
import { lookUp } from '../src/process-table.ts'
import { canReplaceProgram, type KeepPidHost, startKeepPid } from './support/keep-pid-host.ts'
import {
  canIsolate,
  hasPython,
  type Host,
  type HostedProgram,
  isolated,
  terminal,
} from './support/keep-pid-hosts.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const has = (program: string): boolean => spawnSync('which', [program]).status === 0
const options = { drainTimeout: 20_000, lingerTimeout: 0 }
const isKept = /is the keeper from now on/
const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ')

/** Writes a script that starts the server, and returns its path. */
function script(folder: string, name: string, text: string): string {
  const file = path.join(folder, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text, { mode: 0o755 })
  return file
}

const inPython = ({ words }: HostedProgram): string[] => [
  'python3',
  '-c',
  'import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))',
  ...words,
]

/** The configuration of supervisord for one program. */
const supervisorConfiguration = (words: readonly string[]): string => `
[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile=supervisord.pid
[program:app]
command=${words.join(' ')}
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
stderr_logfile=/dev/fd/2
stderr_logfile_maxbytes=0
`

type Starter = [name: string, canRun: boolean, wrap: NonNullable<Host['wrap']>]

/** A process manager, which starts a second server when the first process ends. */
const supervisors: Starter[] = [
  [
    'runsv (needs runit)',
    has('runsv'),
    ({ folder, words }) => {
      script(folder, 'app/run', `#!/bin/sh\nexec 2>&1\ncd "${folder}"\nexec ${quoted(words)}\n`)
      return ['runsv', 'app']
    },
  ],
  [
    's6-supervise (needs s6)',
    has('s6-supervise'),
    ({ folder, words }) => {
      script(folder, 'app/run', `#!/bin/sh\ncd "${folder}"\nexec ${quoted(words)}\n`)
      return ['s6-supervise', 'app']
    },
  ],
  [
    'supervisord (needs supervisor)',
    has('supervisord'),
    // It opens its output again, which has to be a pipe for that.
    ({ folder, words }) => {
      const file = script(folder, 'supervisord.conf', supervisorConfiguration(words))
      return ['sh', '-c', `supervisord -n -c '${file}' 2>&1 | cat`]
    },
  ],
]

const others: Starter[] = [
  ['timeout', has('timeout'), ({ words }) => ['timeout', '600', ...words]],
  ['a Python program (needs python3)', hasPython, inPython],
  [
    'a shell that starts it again and again',
    true,
    ({ folder, words }) => ['sh', script(folder, 'respawn.sh', `while ${quoted(words)}; do :; done\n`)],
  ],
  [
    'a terminal, in a subshell (needs python3 and bash)',
    hasPython && has('bash'),
    ({ words }) => [...terminal, 'bash', '--norc', '-ic', `(cd . && ${quoted(words)}); exit $?`],
  ],
]

const containers: Starter[] = [
  [
    'number 1 of a container, a Python program (needs unshare and python3)',
    canIsolate && hasPython,
    (program) => [...isolated, ...inPython(program)],
  ],
  [
    'npm, number 1 of a container (needs unshare)',
    canIsolate,
    () => [...isolated, 'npm', 'start', '--silent'],
  ],
]

const all = [...supervisors, ...others, ...containers]
const onLinux = process.platform === 'linux'
const able = (starters: Starter[]): Starter[] => starters.filter(([, canRun]) => onLinux && canRun)
const none: Starter = ['none here', false, () => []]

/** Starts the server, deploys version 2, and signals the process that a starter knows. */
async function signalled(starter: Starter): Promise<{ kept: KeepPidHost; isSame: () => boolean }> {
  const kept = await startKeepPid(undo, { wrap: starter[2] }, { options })
  const { pid: own } = (await kept.get()) as { pid: number }
  // In a container, it has another number for itself.
  const pid = containers.some(([name]) => name === starter[0]) ? kept.pid : own
  const started = lookUp(pid)?.started
  kept.deploy('2')
  process.kill(pid, 'SIGHUP')
  return { kept, isSame: () => lookUp(pid)?.started === started }
}

const describeKept = canReplaceProgram ? describe : describe.skip
const describeOlder = canReplaceProgram || !onLinux ? describe.skip : describe
const each = (starters: Starter[]): Starter[] => (able(starters).length > 0 ? able(starters) : [none])

describeKept('a process keeps its pid', () => {
  test.each(each(all))('for %s', async (...starter) => {
    const { kept, isSame } = await signalled(starter)
    await kept.heardOnStderr(isKept)
    expect(await kept.get()).toMatchObject({ version: '2', generation: 2 })
    expect(isSame()).toBe(true)
  })
})

describeOlder('a Node that cannot replace the program of a process', () => {
  test.each(each([...supervisors, ...containers]))('refuses a restart below %s', async (...starter) => {
    const { kept, isSame } = await signalled(starter)
    await kept.heardOnStderr(/ERR_ZERODROP_SUPERVISED/)
    expect(await kept.get()).toMatchObject({ version: '1', generation: 1 })
    expect(isSame()).toBe(true)
  })
})
