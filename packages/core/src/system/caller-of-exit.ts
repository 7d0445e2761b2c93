/**
 * Finds where `process.exit()` was called, in a stack captured while it runs.
 * @returns undefined if it was not called, or if the stack does not show the caller
 */
export function callerOfExit(stack: string | undefined): string | undefined {
  const frames = (stack ?? '').split('\n')
  const exit = frames.findLastIndex((frame) => /\bexit \(node:internal\/process/.test(frame))
  if (exit < 0) return undefined
  const caller = frames.slice(exit + 1).find((frame) => !/\((?:node:|<)/.test(frame))
  return /\(?([^\s(]+:\d+:\d+)\)?$/.exec(caller ?? '')?.[1]
}
