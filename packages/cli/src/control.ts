import { mkdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { RunningKeeper } from '@zerodrop/core/keeper'
import { Failure } from './fail.ts'

export const verbs = ['restart', 'stop', 'status'] as const
export type Verb = (typeof verbs)[number]

/** What a keeper answers, as one line of JSON. */
export interface Answer {
  readonly result?: unknown
  readonly error?: { readonly code?: string; readonly message: string; readonly stderr?: string }
}

/**
 * Where the keeper with this pid can be asked: in systemd's `RuntimeDirectory=`, or else in a folder that only this user
 * can enter.
 */
export function controlPath(pid: number): string {
  const { RUNTIME_DIRECTORY: runtime, XDG_RUNTIME_DIR: session } = process.env
  if (runtime !== undefined) return path.join(runtime.split(':')[0] ?? runtime, 'zerodrop.sock')
  const uid = process.getuid?.() ?? 0
  const folder =
    session === undefined ? path.join(tmpdir(), `zerodrop-${uid}`) : path.join(session, 'zerodrop')
  return path.join(folder, `${pid}.sock`)
}

export interface Control {
  /** From then on it answers; who asked before waits. */
  serve(keeper: RunningKeeper): void
  /** Removes the file. */
  close(): void
}

/** Rejects if another keeper uses the socket, if its folder belongs to somebody else, or if it cannot be bound. */
export async function openControl(file: string): Promise<Control> {
  prepareFolder(path.dirname(file))
  if (await answers(file))
    throw new Failure(
      `Another keeper uses the control socket ${file}. Stop it with "zerodrop stop --control ${file}", or choose another path.`,
      { code: 'EADDRINUSE' },
    )
  // Of a keeper that was killed.
  rmSync(file, { force: true })
  let keeper: (running: RunningKeeper) => void = () => {}
  const running = new Promise<RunningKeeper>((resolve) => {
    keeper = resolve
  })
  const server = createServer((socket) => answer(socket, running))
  await listen(server, file)
  // The keeper lives for the server it keeps.
  server.unref()
  return { serve: keeper, close: () => rmSync(file, { force: true }) }
}

/** Others must not enter, nor have made it: whoever can connect can restart the server. */
function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { uid } = statSync(folder)
  const own = process.getuid?.()
  if (own === undefined || uid === own || own === 0) return
  if (folder.startsWith(path.join(tmpdir(), 'zerodrop-')))
    throw new Failure(
      `${folder} belongs to user ${uid}, not to user ${own}. Give a path of your own with --control.`,
    )
}

/** Bound with mode 0600 from the first moment. */
function listen(server: Server, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const umask = process.umask(0o177)
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Failure(`The control socket ${file} cannot be opened: ${error.message}.`, { code: error.code }),
      ),
    )
    server.listen(file, resolve)
    process.umask(umask)
  })
}

function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function answer(socket: Socket, running: Promise<RunningKeeper>): void {
  let asked = ''
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
        .then((keeper) => keeper.ask(verb))
        .then(
          (said) => say(said as Answer),
          ({ code, message }: { code?: string; message: string }) => {
            // Nobody there could answer, but what starts, or never listens, can be stopped.
            const stops = verb === 'stop' && code === 'ERR_ZERODROP_NOT_SERVING'
            if (stops) process.kill(process.pid, 'SIGTERM')
            say(stops ? { result: {} } : { error: { message, ...(code !== undefined && { code }) } })
          },
        )
  })
}
