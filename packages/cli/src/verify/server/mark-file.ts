import { closeSync, openSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { MARK_DESCRIPTOR } from './proc.ts'

/** The first descriptor after standard error. */
const FIRST = 3

/** An unlinked open file that a child process and its descendants inherit. */
export class MarkFile {
  readonly name: string
  readonly #descriptor: number | undefined

  constructor(name: string) {
    this.name = name
    this.#descriptor = openUnlinked(path.join(tmpdir(), name))
  }

  /** The entries after standard error in the `stdio` of the child. */
  get stdio(): ('ignore' | number)[] {
    if (this.#descriptor === undefined) return []
    // For descriptors above 2, Node leaves an ignored one closed.
    return [...Array.from({ length: MARK_DESCRIPTOR - FIRST }, () => 'ignore' as const), this.#descriptor]
  }

  /** Closes the file in this process. Call it once the child has been spawned. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
  }
}

/** Undefined if the file cannot be created: the environment alone is the mark then. */
function openUnlinked(file: string): number | undefined {
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    unlinkSync(file)
    return descriptor
  } catch {
    return undefined
  }
}
