import { spawnSync } from 'node:child_process'
import { isSingleExecutable } from './single-executable.ts'

/** Exits with 1 if nobody listens. Any other answer, or none, is that of someone who must not be disturbed. */
const connectAndExit =
  "require('net').connect(process.argv[1], () => process.exit(0)).on('error', ({ code }) => process.exit(code === 'ECONNREFUSED' ? 1 : 2))"

/** Whether a process listens on a Unix socket. */
export function isServed(path: string): boolean {
  // A single executable takes `-e` for the application's: it would start a second one.
  if (isSingleExecutable()) return true
  // listen() has to know before it returns, and only a process of its own can wait for a connection meanwhile.
  return spawnSync(process.execPath, ['-e', connectAndExit, path], { env: {}, timeout: 5000 }).status !== 1
}
