import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, controlPath, type Verb } from './control.ts'
import { Failure } from './fail.ts'

export interface AskFlags {
  readonly control?: string
  /** Milliseconds. */
  readonly timeout: number
  readonly json: boolean
  readonly watch?: boolean
}

interface Restarted {
  readonly generation: number
  readonly pid: number
  readonly milliseconds: number
  readonly migrated: number
  readonly cut: readonly unknown[]
}

/** Restarts a server and waits for the outcome. */
export async function restart(pid: string | undefined, flags: AskFlags): Promise<void> {
  const result = (await ask('restart', pid, flags)) as Restarted
  const { generation, pid: successor, milliseconds, migrated, cut } = result
  print(
    flags,
    result,
    `generation ${generation} (pid ${successor}) serves: ${migrated} connections moved, ${cut.length} cut, drained in ${Math.round(milliseconds)} ms`,
  )
}

/** Stops a server and waits until its keeper has ended. */
export async function stop(pid: string | undefined, flags: AskFlags): Promise<void> {
  const file = target(pid, flags)
  await ask('stop', pid, flags)
  const deadline = performance.now() + flags.timeout
  while (await isThere(file)) {
    if (performance.now() >= deadline)
      throw new Failure(`The server has not ended within ${flags.timeout} ms.`)
    await delay(50)
  }
  print(flags, { stopped: true }, 'stopped')
}

/** Says what a server is doing. */
export async function status(pid: string | undefined, flags: AskFlags): Promise<void> {
  // `status --watch | head` ends when its reader does.
  process.stdout.on('error', () => process.exit())
  do {
    const result = await ask('status', pid, flags)
    print(flags, result, JSON.stringify(result, undefined, 2))
    if (flags.watch === true) await delay(1000)
  } while (flags.watch === true)
}

function target(pid: string | undefined, { control }: AskFlags): string {
  if (control !== undefined) return control
  if (pid === undefined && process.env['RUNTIME_DIRECTORY'] === undefined)
    throw new Failure(
      'Say which server: its pid, or --control with the path that "zerodrop run" was given.',
      {
        status: 2,
      },
    )
  if (pid !== undefined && !/^[1-9]\d*$/.test(pid))
    throw new Failure(`A pid is a whole number, not "${pid}".`, { status: 2 })
  return controlPath(Number(pid))
}

function ask(verb: Verb, pid: string | undefined, flags: AskFlags): Promise<unknown> {
  const file = target(pid, flags)
  return new Promise((resolve, reject) => {
    const socket = connect(file)
    let said = ''
    const give = (failure: Failure): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(failure)
    }
    const timer = setTimeout(
      () => give(new Failure(`The server has not answered within ${flags.timeout} ms.`)),
      flags.timeout,
    )
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(`${verb}\n`))
    socket.on('data', (piece: string) => (said += piece))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => give(unreachable(file, code)))
    socket.on('end', () => {
      clearTimeout(timer)
      try {
        resolve(resultOf(said))
      } catch (error) {
        reject(error)
      }
    })
  })
}

function resultOf(said: string): unknown {
  if (said === '') throw new Failure('The keeper ended without an answer.')
  const { result, error } = JSON.parse(said) as Answer
  if (error === undefined) return result
  throw new Failure(error.message, { code: error.code, stderr: error.stderr })
}

function unreachable(file: string, code: string | undefined): Failure {
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return new Failure(
      `No keeper listens on ${file}. Start the server with "zerodrop run", or check the pid. A server without it restarts by "kill -HUP PID" and stops by "kill PID".`,
      {
        code,
      },
    )
  if (code === 'EACCES')
    return new Failure(`The control socket ${file} belongs to another user. Run the command as that user.`, {
      code,
    })
  return new Failure(`The control socket ${file} cannot be reached.`, { code })
}

function isThere(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function print({ json }: AskFlags, result: unknown, text: string): void {
  console.log(json ? JSON.stringify(result) : text)
}
