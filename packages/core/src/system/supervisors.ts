import type { Supervisor } from './system.ts'

/** pm2, if it is what started this process, and not a process of pm2's that did. */
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
      // The callback keeps a pm2 that has just died from becoming an 'error' event of this process.
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

/** Whether this is what `node --watch` runs. Other watchers leave no mark. */
export function watched(): boolean {
  return process.env['WATCH_REPORT_DEPENDENCIES'] !== undefined
}
