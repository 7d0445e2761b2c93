import { spawnSync } from 'node:child_process'
import { isSingleExecutable } from './single-executable.ts'

/** Exits with 1 if no process listens. Any other result means that the socket may be in use. */
const connectAndExit =
  "require('net').connect(process.argv[1], () => process.exit(0)).on('error', ({ code }) => process.exit(code === 'ECONNREFUSED' ? 1 : 2))"

/** Whether a process listens on a Unix socket. */
export function isServed(path: string): boolean {
  // A single executable treats `-e` as the application's argument and would start a second instance.
  if (isSingleExecutable()) return true
  // listen() needs the result before it returns, and only a separate process can wait for a connection in
  // the meantime.
  return spawnSync(process.execPath, ['-e', connectAndExit, path], { env: {}, timeout: 5000 }).status !== 1
}
