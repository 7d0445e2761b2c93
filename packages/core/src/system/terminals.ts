import { isatty } from 'node:tty'

/** Those of stdin, stdout and stderr that are terminals: to ask again later, when a terminal may have been closed. */
export function startTerminals(): readonly number[] {
  return [0, 1, 2].filter((descriptor) => isatty(descriptor))
}
