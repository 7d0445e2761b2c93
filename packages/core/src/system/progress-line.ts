/** A line on the terminal that is written over and over. */
export interface ProgressLine {
  update(text: string): void
  /** Takes the line away. Calling it again does nothing. */
  end(): void
}

/**
 * Opens a line of progress below what is written to stderr; undefined where nobody would see it or wants it, or where the
 * package for it is not installed: it is an optional peer dependency, and nothing depends on it. Never rejects.
 */
export async function openProgressLine(): Promise<ProgressLine | undefined> {
  const { CI, NO_COLOR, TERM } = process.env
  // https://no-color.org: when present and not an empty string.
  const isUnwanted = CI !== undefined || (NO_COLOR !== undefined && NO_COLOR !== '') || TERM === 'dumb'
  if (isUnwanted || !process.stderr.isTTY) return undefined
  try {
    const { default: createSpinner } = await import('yocto-spinner')
    // Signals are ours: its own handlers would end the process at once.
    const spinner = createSpinner({ stream: process.stderr, handleSignals: false }).start()
    const end = (): void => {
      process.off('exit', end)
      spinner.stop()
    }
    // It hides the cursor, and whatever ends the process has to show it again.
    process.on('exit', end)
    return {
      update(text) {
        spinner.text = text
      },
      end,
    }
  } catch {
    return undefined
  }
}
