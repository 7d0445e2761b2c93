import { readFileSync } from 'node:fs'
import path from 'node:path'
import { ancestors } from './ancestors.ts'
import type { Supervisor } from './system.ts'

/** pm2, if it started this process itself. */
export function pm2(): Supervisor | undefined {
  const { env } = process
  const script = process.argv[1] ?? ''
  const started = script === env['pm_exec_path'] || /[\\/]ProcessContainer(Fork(Bun)?)?\.js$/.test(script)
  if (env['pm_id'] === undefined || !started || process.send === undefined) return undefined
  let told = false
  return {
    ready() {
      if (told) return
      told = true
      // Without the callback, a pm2 that has just died would cause an 'error' event of this process.
      if (process.connected) process.send?.('ready', undefined, {}, () => {})
    },
    onShutdown(listener) {
      const onMessage = (message: unknown): void => {
        if (message === 'shutdown') listener()
      }
      process.on('message', onMessage)
      return () => process.off('message', onMessage)
    },
  }
}

/** Whether `node --watch` runs this process. */
export function watched(): boolean {
  return process.env['WATCH_REPORT_DEPENDENCIES'] !== undefined
}

/**
 * Whether nodemon is an ancestor of this process, directly or through a shell, npm or a loader: it signals
 * all its descendants. Linux only: nodemon sets no variable, and only on Linux can a process see its
 * ancestors.
 */
export function underNodemon(): boolean {
  if (process.platform !== 'linux') return false
  try {
    for (const pid of ancestors()) {
      const [, script = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      if (/^nodemon(\.js)?$/.test(path.basename(script))) return true
    }
  } catch {
    // It has ended in the meantime, or may not be read.
  }
  return false
}
