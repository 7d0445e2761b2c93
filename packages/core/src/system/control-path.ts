import { tmpdir } from 'node:os'
import path from 'node:path'

/** A process as another one sees it that looks for its control socket. */
export interface Controlled {
  readonly pid: number
  readonly uid: number
  /** What it was started with. */
  readonly env: Readonly<NodeJS.ProcessEnv>
}

/**
 * Where the keeper with this pid can be asked: in systemd's `RuntimeDirectory=`, or else in a folder that only its user can
 * enter.
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
 * Where a process that has no keeper finds that somebody waits for the outcome of the restart which a signal asks it for:
 * a file in the same folder, into which it writes.
 */
export function askPath(controlled: Controlled): string {
  return path.join(path.dirname(controlPath(controlled)), `${controlled.pid}.ask`)
}

/** This process. */
export function thisProcess(env: Readonly<NodeJS.ProcessEnv> = process.env): Controlled {
  return { pid: process.pid, uid: process.getuid?.() ?? 0, env }
}
