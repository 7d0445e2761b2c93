import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Turns off V8's compilers: a keeper runs so little code that the compiled code, and the memory of the compilers' threads,
 * would be a fifth of its memory.
 */
export const interpretOnly: readonly string[] = ['--no-opt', '--no-maglev', '--no-sparkplug']

/** The last version of Node that is known to have these flags. V8 prints a line to stderr for a flag that it does not know. */
const lastKnown = 26

/**
 * Makes this process use little memory from now on, at the cost of speed.
 *
 * As options on the command line, these flags would make Node reject its built-in code cache and start later, and a
 * version that does not know them would refuse to start.
 * @returns collects garbage, which V8 would let grow to some 15 MiB first
 */
export function useLittleMemory(
  node: string = process.versions.node,
  set: (flag: string) => void = setFlagsFromString,
): () => void {
  const major = Number.parseInt(node, 10)
  if (major <= lastKnown) for (const flag of interpretOnly) set(flag)
  // The only way to the collector that V8 offers.
  set('--expose-gc')
  const collect = runInNewContext('gc') as (options?: object) => void
  return () => collect(everything(major))
}

/**
 * Also collects bytecode that is no longer used, and returns free pages to the kernel. V8 11, in Node 20, has no
 * such flavor, and would collect only the young generation.
 * https://github.com/nodejs/node/blob/v22.12.0/deps/v8/src/extensions/gc-extension.h
 */
function everything(major: number): object | undefined {
  return major >= 22 ? { type: 'major', flavor: 'last-resort' } : undefined
}
