import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { Failure } from '../../fail.ts'
import { until } from '../until.ts'
import { Family } from './family.ts'
import { isStopped } from './proc.ts'
import type { ProcessEntry } from './proc.ts'
import type { Exit, Running } from './running.ts'

const run = promisify(execFile)

/**
 * Starts a container in the host's network namespace, so that clients reach it and its sockets are visible in /proc.
 * @throws Failure if Docker is not available or the container cannot be started
 */
export async function startContainer(image: string, command: readonly string[]): Promise<Container> {
  try {
    await docker('version', '--format', '{{.Server.Version}}')
  } catch (error) {
    throw new Failure(`--docker needs a Docker engine, and none answers: ${lastLine(error)}`, { status: 2 })
  }
  try {
    const id = await docker(
      'run',
      '--detach',
      '--network',
      'host',
      '--label',
      'zerodrop.verify',
      image,
      ...command,
    )
    return new Container(id, Number(await docker('inspect', '--format', '{{.State.Pid}}', id)))
  } catch (error) {
    throw new Failure(`The container of ${image} cannot be started: ${lastLine(error)}`, { status: 2 })
  }
}

async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', args)
  return stdout.trim()
}

function lastLine(error: unknown): string {
  const { code, stderr, message } = error as { code?: string; stderr?: string; message: string }
  if (code === 'ENOENT') return 'there is no command "docker".'
  return (stderr ?? message).trim().split('\n').at(-1) ?? message
}

/** A container. Its main process receives the signals, as with `docker stop`. */
export class Container implements Running {
  readonly pid: number
  readonly exited: Promise<Exit>
  exit: Exit | undefined
  output = ''
  readonly outputEnded = Promise.resolve()
  readonly #id: string
  readonly #family: Family

  constructor(id: string, pid: number) {
    this.#id = id
    this.pid = pid
    this.#family = new Family(pid)
    this.exited = docker('wait', id).then(
      (status) => this.#ended(Number(status)),
      () => this.#ended(undefined),
    )
  }

  members(): ProcessEntry[] {
    return this.#family.members()
  }

  signal(signal: NodeJS.Signals): void {
    // Fails if the container is already gone.
    docker('kill', '--signal', signal, this.#id).catch(() => {})
  }

  async freeze(): Promise<void> {
    this.#family.signal('SIGSTOP')
    await until(() => this.members().every(({ pid }) => isStopped(pid)) || undefined, performance.now() + END)
  }

  thaw(): void {
    this.#family.signal('SIGCONT')
  }

  killNow(): void {
    spawnSync('docker', ['rm', '--force', this.#id], { stdio: 'ignore' })
  }

  async kill(): Promise<void> {
    this.output = await docker('logs', '--tail', '20', this.#id).catch(() => '')
    await docker('rm', '--force', this.#id).catch(() => {})
    await until(() => this.exit, performance.now() + END)
  }

  #ended(status: number | undefined): Exit {
    this.exit = { status, signal: null, at: performance.now() }
    return this.exit
  }
}

const END = 5000
