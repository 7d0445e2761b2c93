import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Control } from '@zerodrop/core/keeper'
import { Failure } from './fail.ts'
import { openControl, runKeeper, writeError } from './required.ts'

export interface RunFlags {
  readonly nodeOption: readonly string[]
  readonly respawn: boolean
  readonly maxCrashes: number
  readonly register: boolean
  readonly control?: string
  readonly onKeeperDeath?: 'drain' | 'serve'
}

/** Becomes the keeper of a server. Resolves when the server has been started. The process ends the same way as the server. */
export async function run(script: string, args: readonly string[], flags: RunFlags): Promise<void> {
  if (!existsSync(script) && !existsSync(`${script}.js`) && !existsSync(`${script}.mjs`))
    throw new Failure(`There is no ${path.resolve(script)}. Name the file that starts the server.`, {
      status: 2,
    })
  if (isEmptyFolder(script))
    throw new Failure(
      `${path.resolve(script)} is a folder without an index.js, or a package.json whose "main" exists. Name the file that starts the server.`,
      { status: 2 },
    )
  if (flags.control === '') throw new Failure('The path of the control socket is empty.', { status: 2 })
  if (flags.maxCrashes < 1) throw new Failure('--max-crashes takes a whole number from 1 on.', { status: 2 })
  // Bind the socket first: a second keeper for the same socket must not start a second server.
  const opened = await open(flags.control)
  const keeper = await runKeeper({
    args: [...flags.nodeOption, script, ...args],
    script,
    cwd: process.cwd(),
    env: process.env,
    respawn: flags.respawn,
    maxCrashes: flags.maxCrashes,
    register: flags.register,
    onDeath: flags.onKeeperDeath,
    onEnd: () => opened?.close(),
  })
  opened?.serve(keeper)
}

/** The errors of a folder in which no socket can be created, such as a folder on a read-only file system. */
const unwritable: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'ENOSPC'])

/** Opens the control socket. If its folder is not writable, the server starts without it, unless `--control` names it. */
async function open(control: string | undefined): Promise<Control | undefined> {
  try {
    return await openControl(control)
  } catch (error) {
    const { message, cause } = error as { message: string; cause?: NodeJS.ErrnoException }
    if (control !== undefined || !unwritable.has(cause?.code)) throw error
    writeError(`zerodrop: "zerodrop restart" and the like cannot ask this keeper: ${message}`)
    return undefined
  }
}

/** Whether the script is a folder without a file that Node can start. */
function isEmptyFolder(script: string): boolean {
  if (statSync(script, { throwIfNoEntry: false })?.isDirectory() !== true) return false
  try {
    createRequire(import.meta.url).resolve(path.resolve(script))
    return false
  } catch {
    return true
  }
}
