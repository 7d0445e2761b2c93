import { closeSync, openSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { MARK_DESCRIPTOR } from './proc.ts'

/** The descriptors after standard error. */
const FIRST = 3

/** A file without a directory entry, which a child process inherits and its descendants with it. */
export class MarkFile {
  readonly name: string
  readonly #descriptor: number | undefined

  constructor(name: string) {
    this.name = name
    this.#descriptor = openUnlinked(path.join(tmpdir(), name))
  }

  /** What follows standard error in the `stdio` of the child. */
  get stdio(): ('ignore' | number)[] {
    if (this.#descriptor === undefined) return []
    // Node leaves a descriptor above 2 closed where it is to be ignored.
    return [...Array.from({ length: MARK_DESCRIPTOR - FIRST }, () => 'ignore' as const), this.#descriptor]
  }

  /** Lets go of it; the child has it by then. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
  }
}

/** Undefined where no file can be created: the environment alone is the mark there. */
function openUnlinked(file: string): number | undefined {
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    unlinkSync(file)
    return descriptor
  } catch {
    return undefined
  }
}
