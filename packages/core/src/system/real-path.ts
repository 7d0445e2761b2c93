import { readlinkSync, realpathSync } from 'node:fs'
import { platform } from 'node:os'

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
    return realPath(platform() === 'linux' ? readlinkSync('/proc/self/cwd') : process.cwd())
  } catch {
    return undefined
  }
}
