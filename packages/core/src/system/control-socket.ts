import { lstatSync, mkdirSync, rmSync, type Stats } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import path from 'node:path'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { controlPath, namedSocket, thisProcess } from './control-path.ts'

export const verbs = ['restart', 'stop', 'status'] as const
export type Verb = (typeof verbs)[number]

/** The answer of a keeper, as one line of JSON. */
export interface Answer {
  readonly result?: unknown
  readonly error?: { readonly code?: string; readonly message: string; readonly stderr?: string }
}

/** The commands of a keeper. */
export interface Controllable {
  /** @param abort the program that asks no longer waits */
  ask(what: Verb, abort: AbortSignal): Promise<{ result?: unknown; error?: unknown }>
}

export interface Control {
  /** Begins to answer; earlier requests wait until then. */
  serve(keeper: Controllable): void
  /** Removes the file. */
  close(): void
}

/**
 * Opens the control socket of the keeper in this process.
 *
 * Rejects with `ERR_ZERODROP_CONTROL_UNAVAILABLE` if another keeper uses it, if other users can write to its
 * folder, or if it cannot be bound.
 */
export async function openControl(named: string = controlPath(thisProcess())): Promise<Control> {
  const file = usable(named)
  prepareFolder(path.dirname(file), named === controlPath(thisProcess()))
  const refusal = await connectTo(file)
  // A socket without access belongs to another keeper, too.
  if (refusal === undefined || refusal === 'EACCES' || refusal === 'EAGAIN')
    throw unavailable(
      `Another keeper uses the control socket ${file}. Stop it with "zerodrop stop --control ${file}", or choose another path.`,
    )
  // The socket of a keeper that was killed. Any other file is not removed, and binding fails.
  if (refusal === 'ECONNREFUSED' && seen(file)?.isSocket() === true) rmSync(file, { force: true })
  let keeper: (running: Controllable) => void = () => {}
  const running = new Promise<Controllable>((resolve) => {
    keeper = resolve
  })
  const server = createServer((socket) => answer(socket, running))
  await listen(server, file)
  // The socket must not keep the keeper alive: its server does.
  server.unref()
  const own = seen(file)?.ino
  return {
    serve: keeper,
    close() {
      // Another keeper may have replaced it, if somebody has removed the file.
      if (seen(file)?.ino === own) rmSync(file, { force: true })
    },
  }
}

/**
 * @param isOurs whether zerodrop has chosen the folder: then other users must not have created it, nor be
 * able to enter it
 */
function prepareFolder(folder: string, isOurs: boolean): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw unavailable(`The folder of the control socket cannot be made: ${(cause as Error).message}.`, cause)
  }
  const own = process.getuid?.()
  const { RUNTIME_DIRECTORY: runtime = '' } = process.env
  if (own === undefined || !isOurs || runtime !== '') return
  const status = lstatSync(folder)
  const isSafe = status.isDirectory() && status.uid === own && (status.mode & 0o022) === 0
  if (!isSafe)
    throw unavailable(
      `${folder} has to be a folder that belongs to user ${own} and that nobody else can write to. Remove it, or give a path of your own with --control.`,
    )
}

function usable(file: string): string {
  try {
    return namedSocket(file)
  } catch (cause) {
    throw unavailable((cause as Error).message, cause)
  }
}

function seen(file: string): Stats | undefined {
  try {
    return lstatSync(file)
  } catch {
    return undefined
  }
}

/** Bound with mode 0600 from the first moment. */
function listen(server: Server, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const umask = process.umask(0o177)
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        unavailable(
          `The control socket ${file} cannot be opened: ${cause.message}.${cause.code === 'EADDRINUSE' ? ' The file is not the socket of a keeper: choose another path with --control.' : ''}`,
          cause,
        ),
      ),
    )
    server.listen(file, resolve)
    process.umask(umask)
  })
}

function unavailable(text: string, cause?: unknown): ZerodropError {
  return new ZerodropError('ERR_ZERODROP_CONTROL_UNAVAILABLE', text, { cause })
}

/** Resolves with the error code; undefined if a process accepts connections there. */
function connectTo(file: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(file)
    socket.once('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.once('error', ({ code = 'UNKNOWN' }: NodeJS.ErrnoException) => resolve(code))
  })
}

function answer(socket: Socket, running: Promise<Controllable>): void {
  let asked = ''
  const gone = new AbortController()
  socket.on('close', () => gone.abort())
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('data', (piece: string) => {
    asked += piece
    if (asked.length > 1000) socket.destroy()
    if (!asked.includes('\n')) return
    socket.removeAllListeners('data').resume()
    const verb = verbs.find((each) => each === asked.trim())
    const say = (said: Answer): void => void socket.end(`${JSON.stringify(said)}\n`)
    if (verb === undefined) say({ error: { message: `A keeper knows ${verbs.join(', ')}.` } })
    else
      running
        .then((keeper) => keeper.ask(verb, gone.signal))
        .then(
          (said) => say(said as Answer),
          ({ code, message }: { code?: string; message: string }) => {
            // No generation can answer, but one that is starting, or never listens, can be stopped.
            const stops = verb === 'stop' && code === 'ERR_ZERODROP_NOT_SERVING'
            if (stops) process.kill(process.pid, 'SIGTERM')
            say(stops ? { result: {} } : { error: { message, ...(code !== undefined && { code }) } })
          },
        )
  })
}
