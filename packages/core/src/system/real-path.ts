import { readlinkSync, realpathSync } from 'node:fs'

/** The path without symlinks. Undefined if there is nothing, or it may not be looked at. */
export function realPath(file: string): string | undefined {
  try {
    return realpathSync(file)
  } catch {
    return undefined
  }
}

/** Where this process is, as the kernel has it: Node keeps what it was before somebody renamed it. Undefined if it is gone. */
export function workingDirectory(): string | undefined {
  try {
    return realPath(kernelsDirectory() ?? process.cwd())
  } catch {
    return undefined
  }
}

/** Undefined where there is no /proc, or Node's permission model forbids to read it. */
function kernelsDirectory(): string | undefined {
  try {
    return readlinkSync('/proc/self/cwd')
  } catch {
    return undefined
  }
}
