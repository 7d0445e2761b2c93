/**
 * Run by `--require` in a successor, before any code of the application. Takes the variable of the hand-over out of the
 * environment, so that no child of the application takes itself for a successor; and until the successor is ready, lets
 * the predecessor know what goes wrong and keeps signals that were meant for the predecessor from ending it.
 */
import { inspect } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import {
  type Boot,
  type BootOrders,
  bootKey,
  inheritVariableName,
  protocolVersion,
  readOrders,
} from './boot.ts'

// Children that the application forks are given `execArgv`, and have no use for this file.
const own = process.execArgv.indexOf(__filename)
if (own > 0) process.execArgv.splice(own - 1, 2)

const inheritVariable = process.env[inheritVariableName]
// Worker threads run what the process was started with, too.
if (isMainThread && inheritVariable !== undefined) {
  delete process.env[inheritVariableName]
  const given = readOrders(inheritVariable)
  const takeOver = endIfOrphaned(given)
  const releases = [surviveSignals(given), tellErrors()]
  const boot: Boot = {
    inheritVariable,
    takeOver,
    end() {
      for (const release of releases.splice(0)) release()
    },
  }
  Object.assign(globalThis, { [bootKey]: boot })
}

/**
 * Without its predecessor, a release that never comes to import zerodrop would hold the listening sockets and let its
 * clients wait.
 */
function endIfOrphaned({ readyTimeout }: BootOrders): () => void {
  if (readyTimeout === undefined || !process.connected) return () => {}
  let timer: NodeJS.Timeout | undefined
  const onDisconnect = (): void => {
    timer = setTimeout(() => process.exit(1), readyTimeout)
  }
  process.once('disconnect', onDisconnect)
  // The channel must not keep a process alive that listens on nothing.
  process.channel?.unref()
  return () => {
    process.off('disconnect', onDisconnect)
    clearTimeout(timer)
  }
}

/** A restart signal sent to every process of that name also reaches the one that is starting, and would kill it. */
function surviveSignals({ bootSignals = [] }: BootOrders): () => void {
  const survive = (): void => {}
  for (const signal of bootSignals) process.on(signal, survive)
  return () => {
    for (const signal of bootSignals) process.off(signal, survive)
  }
}

/** What the application prints on stderr and the error that ends it also go to the predecessor, whose restart fails. */
function tellErrors(): () => void {
  const { stderr } = process
  const write = Reflect.get(stderr, 'write')
  let over = false
  const tell = (text: string): void => {
    if (!over && process.connected)
      process.send?.({ zerodrop: protocolVersion, type: 'stderr', text }, undefined, {}, () => {})
  }
  const onUncaught = (error: unknown): void => tell(`${inspect(error)}\n`)
  const tee = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    tell(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
    return Reflect.apply(write, stderr, [chunk, ...rest]) as boolean
  }
  stderr.write = tee
  process.on('uncaughtExceptionMonitor', onUncaught)
  return () => {
    over = true
    process.off('uncaughtExceptionMonitor', onUncaught)
    // Otherwise somebody has wrapped it since, and calls it.
    if (stderr.write === tee) Reflect.deleteProperty(stderr, 'write')
  }
}
