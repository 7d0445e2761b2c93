/** Writes a line to stderr. Never throws: where stderr is closed, full or gone there is nowhere left to say it. */
export function writeError(line: string): void {
  try {
    process.stderr.write(`${line}\n`, (error) => {
      // The terminal is closed, or the reader of the pipe is gone: no reason to end a process that drains.
      if (error && process.stderr.listenerCount('error') === 0) process.stderr.once('error', () => {})
    })
  } catch {
    // Node cannot open a descriptor that the application has closed, and the method may be the application's own.
  }
}
