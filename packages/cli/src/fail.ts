/** An error that ends the command with a message for the user. */
export class Failure extends Error {
  readonly status: number
  readonly code: string | undefined
  /** The last output of the new version on stderr. */
  readonly stderr: string | undefined

  constructor(
    message: string,
    {
      status = 1,
      code,
      stderr,
    }: { status?: number; code?: string | undefined; stderr?: string | undefined } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.stderr = stderr
  }
}

/**
 * Prints an error and ends the process.
 * @param json prints it to standard output too, as `{"error":{"code","message","stderr"}}`
 */
export function fail(error: unknown, json = false): never {
  const { message, code, status = 1, stderr } = error as Partial<Failure>
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message, stderr } })}\n`)
  const suffix = code === undefined ? '' : ` (${code})`
  process.stderr.write(`zerodrop: ${message ?? String(error)}${suffix}\n`)
  if (stderr !== undefined && stderr !== '')
    process.stderr.write(`The new version printed last:\n${stderr}\n`)
  process.exit(status)
}
