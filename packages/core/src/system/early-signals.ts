/**
 * Imported first by a program that must survive signals as early as Node allows: signals that arrive before
 * the program has its own handlers wait for them.
 */
const early: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']

const releases = new Map<NodeJS.Signals, () => boolean>()

for (const signal of early) {
  let came = false
  const onSignal = (): void => {
    came = true
  }
  process.on(signal, onSignal)
  releases.set(signal, () => {
    process.off(signal, onSignal)
    return came
  })
}

/** Ends the wait for a signal that has a handler now. Returns whether the signal has arrived. */
export function heardEarly(signal: NodeJS.Signals): boolean {
  const heard = releases.get(signal)?.() ?? false
  releases.delete(signal)
  return heard
}
