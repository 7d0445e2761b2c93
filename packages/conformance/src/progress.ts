import ora from 'ora'
import type { Ora } from 'ora'

/** What a person sees while a command works: a spinner in a terminal; elsewhere one line for each step that is done. */
export class Progress {
  readonly #spinner: Ora = ora({
    // Raw mode would keep Ctrl-C from reaching the processes that the demo has started.
    discardStdin: false,
    // On a terminal that does not know its width ora 9.4.1 counts infinitely many lines to clear, and never ends.
    ...(process.stderr.columns === 0 && { isEnabled: false }),
  })
  #refresh: NodeJS.Timeout | undefined

  /** Begins a step; `text` is asked again and again while it lasts. */
  step(text: () => string): void {
    this.stop()
    // Without a terminal this would print the text as a line.
    if (!this.#spinner.isEnabled) return
    this.#spinner.start(text())
    this.#refresh = setInterval(() => {
      this.#spinner.text = text()
    }, 100)
  }

  done(text: string): void {
    this.#say('✔', text)
  }

  fail(text: string): void {
    this.#say('✖', text)
  }

  stop(): void {
    clearInterval(this.#refresh)
    this.#spinner.stop()
  }

  /** With a symbol of our own: ora's are coloured even where the lines go to a file. */
  #say(symbol: string, text: string): void {
    this.stop()
    this.#spinner.stopAndPersist({ symbol, text })
  }
}
