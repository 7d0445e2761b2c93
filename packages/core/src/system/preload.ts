/**
 * Run by `--require` in a successor, before any code of the application. Takes the variable of the handover out of the
 * environment and opens the channel to the predecessor, so that neither the application nor a child of it sees them. Until
 * the successor is ready it lets the predecessor know what goes wrong, and keeps signals that were meant for the
 * predecessor from ending it.
 */
import { inspect } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { type Boot, type BootOrders, bootKey, protocolVersion } from './boot.ts'
import { comingKeeperKey, takeComingKeeper } from './coming-keeper.ts'
import type { Channel } from './node-internals.ts'
import { takeKeeper } from './keeper-link.ts'
import { keeperKey } from './keeper-protocol.ts'
import { takeOrders } from './orders.ts'
import { ParentChannel } from './parent-channel.ts'
import { withoutPreload } from './preloading.ts'
import { shadow } from './shadow.ts'
import { signalGates } from './signal-gates.ts'

// Children that the application forks are given `execArgv`, and have no use for this file.
const own = process.execArgv.indexOf(__filename)
if (own > 0) process.execArgv.splice(own - 1, 2)

// Worker threads run what the process was started with, too.
const keeper = isMainThread ? takeKeeper(__filename) : undefined
if (keeper !== undefined) Object.defineProperty(globalThis, keeperKey, { value: keeper })
const coming = isMainThread ? takeComingKeeper(__filename) : undefined
if (coming !== undefined) Object.defineProperty(globalThis, comingKeeperKey, { value: coming })
const orders = isMainThread ? takeOrders() : undefined
if (orders !== undefined) {
  const { variable, given, channel } = orders
  const takeOver = endIfOrphaned(given, channel)
  const survived = new Set<NodeJS.Signals>()
  const releases = [surviveSignals(given, channel, survived), tellErrors(channel)]
  withoutPreload(process.env, __filename)
  ParentChannel.own()?.wait()
  const boot: Boot = {
    file: __filename,
    inheritVariable: variable,
    channel,
    survived,
    takeOver,
    end() {
      for (const release of releases.splice(0)) release()
    },
  }
  Object.defineProperty(globalThis, bootKey, { value: boot })
}

// Before what the application preloads, as with `--import` in front of everything. A file of its own: see build.mjs.
if (keeper?.registers === true) require('../register.js')

/**
 * Without its predecessor, a release that never comes to import zerodrop would hold the listening sockets and let its
 * clients wait.
 */
function endIfOrphaned({ readyTimeout }: BootOrders, channel: Channel | undefined): () => void {
  if (readyTimeout === undefined || channel === undefined) return () => {}
  let timer: NodeJS.Timeout | undefined
  const onDisconnect = (): void => {
    timer = setTimeout(() => process.exit(1), readyTimeout)
  }
  channel.once('disconnect', onDisconnect)
  return () => {
    channel.off('disconnect', onDisconnect)
    clearTimeout(timer)
  }
}

/**
 * A restart signal sent to every process of that name also reaches the one that is starting, and would kill it. It may
 * mean newer code than this process has read, so the predecessor learns of it, and zerodrop once it is here.
 */
function surviveSignals(
  { bootSignals = [] }: BootOrders,
  channel: Channel | undefined,
  survived: Set<NodeJS.Signals>,
): () => void {
  const survive = (name: NodeJS.Signals): void => {
    survived.add(name)
    if (channel?.connected === true)
      channel.send({ zerodrop: protocolVersion, type: 'signal', name }, undefined, {}, () => {})
  }
  // Held, because a library of the application would stop what has not started yet.
  const gates = signalGates()
  const releases = bootSignals.map((name) => gates.watch(name, () => survive(name), true))
  return () => {
    for (const release of releases) release()
  }
}

/** What the application prints on stderr and the error that ends it also go to the predecessor, whose restart fails. */
function tellErrors(channel: Channel | undefined): () => void {
  const { stderr } = process
  let over = false
  const tell = (text: string): void => {
    if (over || channel?.connected !== true) return
    channel.send({ zerodrop: protocolVersion, type: 'stderr', text }, undefined, {}, () => {})
  }
  const onUncaught = (error: unknown): void => tell(`${inspect(error)}\n`)
  const restore = shadow(
    stderr,
    'write',
    (write) =>
      function (this: typeof stderr, chunk: string | Uint8Array, ...rest: unknown[]): boolean {
        tell(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
        return Reflect.apply(write, this, [chunk, ...rest])
      },
  )
  process.on('uncaughtExceptionMonitor', onUncaught)
  return () => {
    over = true
    process.off('uncaughtExceptionMonitor', onUncaught)
    restore()
  }
}
