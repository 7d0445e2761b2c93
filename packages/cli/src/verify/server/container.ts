import { spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { Failure } from '../../fail.ts'
import { until } from '../until.ts'
import { docker, read, startDocker } from './docker.ts'
import { Family, send } from './family.ts'
import { commandLineOf, handles, hasInEnvironment, isStopped, processEntry } from './proc.ts'
import type { ProcessEntry } from './proc.ts'
import type { Exit, Running } from './running.ts'

const END = 5000
const VISIBLE = 2000
const OUTPUT = 4000
const shells: ReadonlySet<string> = new Set(['sh', 'ash', 'bash', 'dash', 'busybox', 'zsh'])

export interface ContainerOptions {
  readonly image: string
  readonly command: readonly string[]
  readonly port: number | undefined
}

/**
 * Starts a container in the host's network namespace, so that clients reach it and its sockets are visible in /proc.
 * @throws Failure if the container cannot be started, or if its processes are not visible
 */
export async function startContainer({ image, command, port }: ContainerOptions): Promise<Container> {
  const id = randomUUID()
  const mark = `ZERODROP_VERIFY=${id}`
  // Chosen here, so that the container can be removed whatever becomes of the command that creates it.
  const name = `zerodrop-verify-${id}`
  const network = ['--network', 'host', '--log-driver', 'json-file']
  const environment = ['--env', mark, ...(port === undefined ? [] : ['--env', `PORT=${port}`])]
  const label = ['--label', 'zerodrop.verify']
  try {
    await docker(['create', '--name', name, ...label, ...network, ...environment, image, ...command])
    await docker(['start', name])
    const pid = await pidOf(name)
    await checkVisible(name, pid, mark)
    return new Container(name, pid, mark)
  } catch (error) {
    await docker(removal(name)).catch(() => {})
    throw new Failure(`The container of ${image} cannot be started: ${(error as Error).message}`, {
      status: 2,
    })
  }
}

/** Removes the volumes too that Docker has made for the `VOLUME` of an image. */
function removal(name: string): readonly string[] {
  return ['rm', '--force', '--volumes', name]
}

/** The pid of its process 1 in the pid namespace of the engine; 0 if that has ended. */
async function pidOf(name: string): Promise<number> {
  return Number(await docker(['inspect', '--format', '{{.State.Pid}}', name]))
}

/** @throws Failure if the container runs, and its process 1 cannot be examined */
async function checkVisible(name: string, pid: number, mark: string): Promise<void> {
  // For an instant after the start, the process still has the environment of the container runtime.
  const seen = await until(
    () => processEntry(pid) === undefined || hasInEnvironment(pid, mark) || undefined,
    performance.now() + VISIBLE,
  )
  if ((seen === true && processEntry(pid) !== undefined) || (await pidOf(name)) === 0) return
  const why = isOfAnotherUser(pid)
    ? 'its processes belong to another user. Run verify as root.'
    : 'its processes are not visible here. Run verify on the machine of the engine, outside of a container.'
  throw new Failure(why)
}

function isOfAnotherUser(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A container. Its process 1 receives the signals, as with `docker stop`. */
export class Container implements Running {
  readonly pid: number
  readonly exited: Promise<Exit>
  exit: Exit | undefined
  output = ''
  readonly outputEnded: Promise<void>
  readonly mark: string
  readonly #name: string
  readonly #family: Family
  readonly #logs: ChildProcess
  #removed: Promise<unknown> | undefined

  constructor(name: string, pid: number, mark: string) {
    this.#name = name
    this.pid = pid
    this.mark = mark
    this.#family = new Family(pid, { environment: mark })
    this.#logs = startDocker(['logs', '--follow', name])
    for (const stream of [this.#logs.stdout, this.#logs.stderr])
      read(stream, (text) => (this.output = (this.output + text).slice(-OUTPUT)))
    this.outputEnded = new Promise((resolve) => {
      this.#logs.once('close', () => resolve())
      this.#logs.once('error', () => resolve())
    })
    this.exited = docker(['wait', name]).then(
      (status) => this.#ended(Number(status)),
      () => this.#ended(undefined),
    )
  }

  members(): ProcessEntry[] {
    return this.#family.members()
  }

  whyItStays(signal: NodeJS.Signals): string | undefined {
    if (handles(this.pid, signal)) return undefined
    const [program = ''] = commandLineOf(this.pid).split(' ')
    return shells.has(path.basename(program))
      ? `process 1 of the container is a shell, which does not pass ${signal} on: write CMD and ENTRYPOINT as lists`
      : `process 1 of the container has no handler for ${signal}, and the kernel then ignores the signal`
  }

  /** Sends the signal itself: `docker kill` takes some time, in which a thawed server would go on. */
  signal(signal: NodeJS.Signals): void {
    if (this.#family.members().some(({ pid }) => pid === this.pid)) send(this.pid, signal)
  }

  async freeze(): Promise<void> {
    this.#family.signal('SIGSTOP')
    await until(() => this.members().every(({ pid }) => isStopped(pid)) || undefined, performance.now() + END)
  }

  thaw(): void {
    this.#family.signal('SIGCONT')
  }

  killNow(): void {
    spawnSync('docker', removal(this.#name), { stdio: 'ignore' })
  }

  async kill(): Promise<void> {
    // Docker refuses a second removal while the first is in progress.
    this.#removed ??= docker(removal(this.#name)).catch(() => {})
    await this.#removed
    const gone = (): true | undefined => {
      // A command of --restart-command may have started processes outside of the container.
      this.#family.signal('SIGKILL')
      return this.members().length === 0 || undefined
    }
    await until(gone, performance.now() + END)
    await until(() => this.exit, performance.now() + END)
    this.#logs.kill('SIGKILL')
  }

  #ended(status: number | undefined): Exit {
    this.exit = { status, signal: null, at: performance.now() }
    return this.exit
  }
}
