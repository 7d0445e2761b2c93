/** Counts the work that `after()` was given: it has cleaned up when all of it was done. */
export function register() {
  const counts = { begun: 0, done: 0 }
  globalThis.batteryAfter = counts
  process.on('exit', () => {
    if (counts.done === counts.begun) globalThis.batteryCleanUp()
  })
}
