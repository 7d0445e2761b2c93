import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { Failure } from '../../fail.ts'

export interface DockerOptions {
  /** Kills the command. */
  readonly signal?: AbortSignal
  /** In milliseconds. */
  readonly timeout?: number
}

/**
 * Runs a command of Docker's command line and resolves with its standard output.
 * @throws Failure with the reason that Docker gives
 */
export async function docker(
  args: readonly string[],
  { signal, timeout }: DockerOptions = {},
): Promise<string> {
  const child = startDocker(args)
  let stdout = ''
  let stderr = ''
  read(child.stdout, (text) => (stdout += text))
  read(child.stderr, (text) => (stderr += text))
  const kill = (): unknown => child.kill('SIGKILL')
  const timer = timeout === undefined ? undefined : setTimeout(kill, timeout)
  signal?.addEventListener('abort', kill)
  if (signal?.aborted) kill()
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (status === 0) return stdout.trim()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw failure(code === 'ENOENT' ? 'there is no command "docker".' : message)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', kill)
  }
  throw failure(
    reasonIn(stderr) ||
      `docker ${args[0]} gave no answer${timeout === undefined ? '' : ` within ${timeout} ms`}.`,
  )
}

/** Starts a command of Docker's command line in its own session, where Ctrl-C does not reach it. */
export function startDocker(args: readonly string[]): ChildProcess {
  return spawn('docker', args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
}

export function read(stream: Readable | null, onText: (text: string) => unknown): void {
  stream?.setEncoding('utf8').on('data', onText)
}

/** Docker puts progress before the reason, and a hint at its help after it. */
function reasonIn(stderr: string): string {
  const lines = stderr.split('\n').flatMap((line) => {
    const text = line.trim()
    return text === '' || /docker [a-z ]*--help/.test(text) ? [] : text
  })
  const reason = lines.find((line) => /^(docker: )?Error/i.test(line)) ?? lines.at(-1) ?? ''
  return reason.replace(/^docker: /, '').replace(/^Error response from daemon: /, '')
}

function failure(message: string): Failure {
  return new Failure(message, { status: 2 })
}
