import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, Verb } from '@zerodrop/core/keeper'
import { Failure } from './fail.ts'
import { isKeeper, keeperTimeout, maySignal, restartByPid, stopByPid } from './by-pid.ts'
import { processOf, runArguments, type Target, targetOf } from './target.ts'

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

/** The longest that a timer of Node can wait, in milliseconds. */
const longestWait = 2 ** 31 - 1

/** More than the answer of any keeper, in characters. */
const longestAnswer = 2 ** 26

/** Restarts a server and waits for the outcome. */
export async function restart(pid: string | undefined, flags: AskFlags): Promise<void> {
  const target = targetOf(pid, flags.control)
  const result = (await ((await isAskable(target))
    ? ask('restart', target, flags)
    : restartByPid(processOf(target), flags.timeout, () => isThere(target.socket)))) as Restarted
  const { generation, pid: successor, milliseconds, migrated, cut } = result
  print(
    flags,
    result,
    `generation ${generation} (pid ${successor}) serves: ${migrated} connections moved, ${cut.length} cut, drained in ${Math.round(milliseconds)} ms`,
  )
}

/** Stops a server and waits until its keeper has ended. */
export async function stop(pid: string | undefined, flags: AskFlags): Promise<void> {
  const target = targetOf(pid, flags.control)
  if (await isAskable(target)) {
    await ask('stop', target, flags)
    const deadline = performance.now() + flags.timeout
    while (await isThere(target.socket)) {
      if (performance.now() >= deadline)
        throw new Failure(`The server has not ended within ${flags.timeout} ms.`)
      await delay(50)
    }
  } else await stopByPid(processOf(target), flags.timeout)
  print(flags, { stopped: true }, 'stopped')
}

/** Says what a server is doing. */
export async function status(pid: string | undefined, flags: AskFlags): Promise<void> {
  // `status --watch | head` ends when its reader does.
  process.stdout.on('error', () => process.exit())
  const target = targetOf(pid, flags.control)
  const show = async (): Promise<void> => {
    const result = await ask('status', target, flags)
    print(flags, result, JSON.stringify(result, undefined, 2))
  }
  await show()
  while (flags.watch === true) {
    await delay(1000)
    try {
      await show()
    } catch (error) {
      if (await isThere(target.socket)) throw error
      return
    }
  }
}

function ask(verb: Verb, { socket: file }: Target, flags: AskFlags): Promise<unknown> {
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
      Math.min(flags.timeout, longestWait),
    )
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(`${verb}\n`))
    socket.on('data', (piece: string) => {
      said += piece
      if (said.length > longestAnswer) give(noKeeper(file))
    })
    socket.on('error', ({ code }: NodeJS.ErrnoException) => give(unreachable(file, code)))
    socket.on('end', () => {
      clearTimeout(timer)
      try {
        resolve(resultOf(said, file))
      } catch (error) {
        reject(error)
      }
    })
  })
}

function resultOf(said: string, file: string): unknown {
  if (said === '') throw new Failure('The keeper ended without an answer.')
  const { result, error } = answerIn(said, file)
  if (error === undefined) return result
  throw new Failure(error.message, { code: error.code, stderr: error.stderr })
}

function answerIn(said: string, file: string): Answer {
  try {
    const answer = JSON.parse(said) as Answer | null
    if (typeof answer === 'object' && answer !== null) return answer
  } catch {
    // Not JSON.
  }
  throw noKeeper(file)
}

function noKeeper(file: string): Failure {
  return new Failure(`The program that listens on ${file} is not a keeper. Check the path.`)
}

function unreachable(file: string, code: string | undefined): Failure {
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return new Failure(
      `No keeper listens on ${file}. Start the server with "zerodrop run", or check the pid. Without a keeper, "zerodrop restart PID" and "zerodrop stop PID" work; "zerodrop status" does not.`,
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

/** Whether there is a keeper to ask. Without one, a process that uses zerodrop can be signalled, if its pid is known. */
async function isAskable(target: Target): Promise<boolean> {
  if (target.process === undefined) return true
  const deadline = performance.now() + keeperTimeout
  while (!(await isThere(target.socket))) {
    const { pid } = target.process
    const isRun = runArguments(pid) !== undefined && maySignal(pid)
    // It opens its socket some 50 ms after it has started, or has become a keeper.
    if (!isRun && !isKeeper(target.process)) return false
    // "zerodrop run" has no other way to answer: asking says so.
    if (performance.now() > deadline) return isRun
    await delay(50)
  }
  return true
}

function isThere(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // One that this user may not ask is there: asking says so.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EACCES'))
  })
}

function print({ json }: AskFlags, result: unknown, text: string): void {
  console.log(json ? JSON.stringify(result) : text)
}
