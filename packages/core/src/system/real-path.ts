import { readlinkSync, realpathSync } from 'node:fs'

/** The path without symlinks. Undefined if it does not exist or may not be read. */
export function realPath(file: string): string | undefined {
  try {
    return realpathSync(file)
  } catch {
    return undefined
  }
}

/**
 * The kernel's current directory of this process: Node caches the name from before a rename. Undefined if it
 * is gone.
 */
export function workingDirectory(): string | undefined {
  try {
    return realPath(kernelsDirectory() ?? process.cwd())
  } catch {
    return undefined
  }
}

/** Undefined if there is no /proc, or if Node's permission model does not allow reading it. */
function kernelsDirectory(): string | undefined {
  try {
    return readlinkSync('/proc/self/cwd')
  } catch {
    return undefined
  }
}
