/** A line on the terminal that is rewritten repeatedly. */
export interface ProgressLine {
  update(text: string): void
  /** Removes the line. Calling it again does nothing. */
  end(): void
}

/**
 * Opens a line of progress below the output on stderr. Undefined if stderr is not a terminal, if the
 * environment disables it, or if the optional peer dependency for it is not installed. Never rejects.
 */
export async function openProgressLine(): Promise<ProgressLine | undefined> {
  const { CI, NO_COLOR, TERM } = process.env
  // https://no-color.org: when present and not an empty string.
  const isUnwanted = CI !== undefined || (NO_COLOR !== undefined && NO_COLOR !== '') || TERM === 'dumb'
  if (isUnwanted || !process.stderr.isTTY) return undefined
  try {
    const { default: createSpinner } = await import('yocto-spinner')
    // zerodrop handles the signals: the package's own handlers would end the process at once.
    const spinner = createSpinner({ stream: process.stderr, handleSignals: false }).start()
    const end = (): void => {
      process.off('exit', end)
      spinner.stop()
    }
    // It hides the cursor, so every end of the process has to show it again.
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
