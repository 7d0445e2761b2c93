/**
 * Where `process.exit()` was called, by a stack that was taken while it runs.
 * @returns undefined if it was not called, or the stack does not tell
 */
export function callerOfExit(stack: string | undefined): string | undefined {
  const frames = (stack ?? '').split('\n')
  const exit = frames.findLastIndex((frame) => /\bexit \(node:internal\/process/.test(frame))
  if (exit < 0) return undefined
  const caller = frames.slice(exit + 1).find((frame) => !/\((?:node:|<)/.test(frame))
  return /\(?([^\s(]+:\d+:\d+)\)?$/.exec(caller ?? '')?.[1]
}
