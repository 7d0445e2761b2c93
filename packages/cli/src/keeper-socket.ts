import { connect } from 'node:net'
import type { Answer, Verb } from '@zerodrop/core/keeper'
import { Failure } from './fail.ts'
import type { Target } from './target.ts'

/** The longest delay of a timer in Node, in milliseconds. */
const longestWait = 2 ** 31 - 1

/** The longest answer to accept, in characters. Keepers send less. */
const longestAnswer = 2 ** 26

/** Asks the keeper that listens on a socket. */
export function ask(verb: Verb, { socket: file }: Target, timeout: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(file)
    let said = ''
    const give = (failure: Failure): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(failure)
    }
    const timer = setTimeout(
      () => give(new Failure(`The server has not answered within ${timeout} ms.`)),
      Math.min(timeout, longestWait),
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
    // The answer is not JSON.
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

/** Whether a keeper listens on the socket. */
export function isThere(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // EACCES: a keeper of another user may listen. `ask()` reports the error.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EACCES'))
  })
}
