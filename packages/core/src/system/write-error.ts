/** Writes a line to stderr. Never throws, even if stderr is closed, full or gone. */
export function writeError(line: string): void {
  try {
    process.stderr.write(`${line}\n`, (error) => {
      // The terminal is closed, or the reader of the pipe is gone: that must not end a draining process.
      if (error && process.stderr.listenerCount('error') === 0) process.stderr.once('error', () => {})
    })
  } catch {
    // Node cannot open a descriptor that the application has closed, and the application may have replaced
    // the method.
  }
}
