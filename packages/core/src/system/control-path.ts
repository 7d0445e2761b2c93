import { tmpdir } from 'node:os'
import path from 'node:path'

/** The data about a process from which another process finds its control socket. */
export interface Controlled {
  readonly pid: number
  readonly uid: number
  /** The environment that it was started with. */
  readonly env: Readonly<NodeJS.ProcessEnv>
}

/**
 * The control socket of the keeper with this pid: in systemd's `RuntimeDirectory=`, or else in a folder that
 * only its user can enter.
 */
export function controlPath({ pid, uid, env }: Controlled): string {
  const { RUNTIME_DIRECTORY: runtime, XDG_RUNTIME_DIR: session, TMPDIR: temporary } = env
  if (runtime !== undefined && runtime !== '')
    return path.join(runtime.split(':')[0] ?? runtime, 'zerodrop.sock')
  const folder =
    session === undefined || session === ''
      ? path.join(temporary ?? tmpdir(), `zerodrop-${uid}`)
      : path.join(session, 'zerodrop')
  return path.join(folder, `${pid}.sock`)
}

/** The longest path of a Unix socket, in bytes: some versions of Node cut a longer one off without a word. */
const longestPath = process.platform === 'linux' ? 107 : 103

/**
 * The path of a Unix socket that a user has named.
 * @throws a `TypeError` if it is empty or too long for a socket
 */
export function namedSocket(file: string): string {
  const bytes = Buffer.byteLength(file)
  if (bytes === 0) throw new TypeError('The path of the control socket is empty.')
  if (bytes > longestPath)
    throw new TypeError(
      `The path of the control socket is too long: ${file} has ${bytes} bytes, and the system allows ${longestPath}. Choose a shorter one with --control.`,
    )
  // Node takes a path that is a number for a TCP port.
  return path.isAbsolute(file) ? file : `.${path.sep}${file}`
}

/**
 * The file, in the same folder, of a process that waits for the restart of a process without a keeper: that
 * process writes the outcome into it.
 */
export function askPath(controlled: Controlled): string {
  return path.join(path.dirname(controlPath(controlled)), `${controlled.pid}.ask`)
}

/** This process. */
export function thisProcess(env: Readonly<NodeJS.ProcessEnv> = process.env): Controlled {
  return { pid: process.pid, uid: process.getuid?.() ?? 0, env }
}
