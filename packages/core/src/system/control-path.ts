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
