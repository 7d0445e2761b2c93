import type { Channel } from './node-internals.ts'

/**
 * How often to try the port, and the delay in milliseconds: the channel can end a little before the process
 * does.
 */
const attempts = 20
const interval = 100

/**
 * Opens the command line's inspector when the predecessor has ended: until then the predecessor has the
 * port, and Node continues without an inspector.
 */
export function inspectAfter(predecessor: Channel): void {
  const option = inspectOption()
  if (option === undefined) return
  const open = (): void => {
    let left = attempts
    const timer = setInterval(() => {
      if (left-- === 0 || isOpen(option)) clearInterval(timer)
    }, interval)
    timer.unref()
  }
  if (predecessor.connected) predecessor.once('disconnect', open)
  else open()
}

/** The last of these options counts. */
function inspectOption(): string | undefined {
  const given = [...(process.env['NODE_OPTIONS'] ?? '').split(/[\s"]+/), ...process.execArgv]
  return given.findLast((option) => /^--inspect(-brk|-wait)?(=|$)/.test(option))
}

/** Opens it unless it is open. Node prints on stderr where it listens, or that the port is in use. */
function isOpen(option: string): boolean {
  try {
    // Not a static import: a Node that is built without it throws.
    const inspector = process.getBuiltinModule('node:inspector')
    if (inspector.url() === undefined) inspector.open(process.debugPort, hostOf(option))
    return inspector.url() !== undefined
  } catch {
    return true
  }
}

/** Of `--inspect=host:port`, `--inspect=port` or `--inspect=host`. */
function hostOf(option: string): string | undefined {
  const value = option.split('=')[1] ?? ''
  if (value === '' || /^\d+$/.test(value)) return undefined
  return value.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}
