/**
 * `--require` runs this in a successor, before any code of the application. It removes the variable of the
 * handover from the environment and opens the channel to the predecessor, so that neither the application
 * nor its children see them. Until the successor is ready, it reports errors to the predecessor, and
 * prevents signals that were meant for the predecessor from ending the successor.
 */
import { isMainThread } from 'node:worker_threads'
import { type Boot, type BootOrders, bootKey, protocolVersion } from './boot.ts'
import { comingKeeperKey, takeComingKeeper } from './coming-keeper.ts'
import type { Channel } from './node-internals.ts'
import { takeKeeper } from './keeper-link.ts'
import { keeperKey } from './keeper-protocol.ts'
import { takeOrders } from './orders.ts'
import { ParentChannel } from './parent-channel.ts'
import { withoutPreload } from './preloading.ts'
import { signalGates } from './signal-gates.ts'
import { tellErrors } from './tell-errors.ts'

// Children that the application forks inherit `execArgv`, but do not need this file.
const own = process.execArgv.indexOf(__filename)
if (own > 0) process.execArgv.splice(own - 1, 2)

// Worker threads run the preload of the process, too.
const keeper = isMainThread ? takeKeeper(__filename) : undefined
if (keeper !== undefined) Object.defineProperty(globalThis, keeperKey, { value: keeper })
if (keeper?.tells === true) keeper.onServing(tellErrors((text) => keeper.tell(text)))
const coming = isMainThread ? takeComingKeeper(__filename) : undefined
if (coming !== undefined) Object.defineProperty(globalThis, comingKeeperKey, { value: coming })
const orders = isMainThread ? takeOrders() : undefined
if (orders !== undefined) {
  const { variable, given, channel } = orders
  const takeOver = endIfOrphaned(given, channel)
  const survived = new Set<NodeJS.Signals>()
  const releases = [
    surviveSignals(given, channel, survived),
    tellErrors((text) => tellPredecessor(channel, text)),
  ]
  withoutPreload(process.env, __filename)
  ParentChannel.own()?.wait()
  const boot: Boot = {
    file: __filename,
    inheritVariable: variable,
    channel,
    survived,
    registers: given.register === true,
    takeOver,
    end() {
      for (const release of releases.splice(0)) release()
    },
  }
  Object.defineProperty(globalThis, bootKey, { value: boot })
}

// Before the application's own preloads, as with `--import` before everything else. In a separate file: see
// build.mjs.
if (keeper?.registers === true || orders?.given.register === true) require('../register.js')

/**
 * Without its predecessor, a release that never imports zerodrop would hold the listening sockets, and its
 * clients would wait.
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
 * A restart signal to every process of that name also reaches a starting successor, and would kill it. The
 * signal may announce newer code than this process has read, so the predecessor learns of it, and so does
 * zerodrop once it is loaded.
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
  // Held back, because a library of the application would stop a process that has not started yet.
  const gates = signalGates()
  const releases = bootSignals.map((name) => gates.watch(name, () => survive(name), true))
  return () => {
    for (const release of releases) release()
  }
}

function tellPredecessor(channel: Channel | undefined, text: string): void {
  if (channel?.connected !== true) return
  channel.send({ zerodrop: protocolVersion, type: 'stderr', text }, undefined, {}, () => {})
}
