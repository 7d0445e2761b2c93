import { isMainThread } from 'node:worker_threads'
import { show } from '../errors/reason.ts'
import { activationOf, takeListenFds } from './activation.ts'
import { waitingAsker } from './asker.ts'
import { type Boot, bootKey, readOrders } from './boot.ts'
import { comingKeeperOf } from './coming-keeper.ts'
import { realCluster } from './cluster.ts'
import { recordCommandLine, rememberedCommandLine } from './command-line.ts'
import { deferExit } from './defer-exit.ts'
import { freeDescriptors } from './free-descriptors.ts'
import { gracePeriodOf } from './grace-period.ts'
import { incapacity, isServiceProcess } from './incapacity.ts'
import { inspectAfter } from './inspector.ts'
import { keeperOf } from './keeper-link.ts'
import { LedSession } from './led-session.ts'
import { takeOrders } from './orders.ts'
import { predecessorAt } from './predecessor-channel.ts'
import { ParentChannel } from './parent-channel.ts'
import { realPidKeeping } from './pid-keeping.ts'
import { isRunning } from './process-stat.ts'
import { processorWait } from './processor-wait.ts'
import { onExit } from './on-exit.ts'
import { openProgressLine } from './progress-line.ts'
import { realSignals } from './real-signals.ts'
import { spareGroup } from './spare-group.ts'
import { realTimers } from './real-timers.ts'
import { serviceManagerOf } from './service-manager.ts'
import { successorSpawner } from './spawn-successor.ts'
import { pm2, underNodemon, watched } from './supervisors.ts'
import type { Release, System } from './system.ts'
import { Terminals } from './terminals.ts'
import { isServed } from './unix-served.ts'
import { writeError } from './write-error.ts'

/**
 * The current process. Reads the start conditions once, and removes zerodrop's variable from the environment.
 */
export function realSystem(): System {
  const boot = (globalThis as { [bootKey]?: Boot })[bootKey]
  boot?.takeOver()
  // Without a preload, at once. A worker thread has a copy of the environment, but the descriptors belong to
  // the process.
  const orders = isMainThread && boot === undefined ? takeOrders() : undefined
  const inheritVariable = boot?.inheritVariable ?? orders?.variable
  const channel = boot?.channel ?? orders?.channel
  if (channel !== undefined) inspectAfter(channel)
  const keeper = keeperOf()
  const comingKeeper = comingKeeperOf()
  const commandLine = rememberedCommandLine() ?? recordCommandLine(boot?.file ?? keeper?.preload)
  // By the time zerodrop is loaded, a starter that has died has been replaced by whoever adopts orphans.
  const starter = keeper?.pid ?? readOrders(inheritVariable ?? '').pid
  const pidKeeping = realPidKeeping(commandLine, writeError, starter)
  const parent = isMainThread ? ParentChannel.own() : undefined
  if (orders !== undefined) parent?.wait()
  const terminals = new Terminals()
  const ledSession = inheritVariable === undefined ? undefined : new LedSession(() => performance.now())
  channel?.once('disconnect', () => ledSession?.end())
  let activation = isMainThread ? activationOf(process.env) : undefined
  const serviceManager = isServiceProcess()
    ? serviceManagerOf(keeper?.pid, inheritVariable !== undefined)
    : undefined
  const deferrals = new Set<Release>()
  return {
    ...realSignals(),
    ...realTimers,
    incapacity: incapacity(),
    cluster: realCluster(),
    commandLine,
    inheritVariable,
    parent,
    predecessor: channel === undefined ? undefined : predecessorAt(channel),
    get keeper() {
      return keeper ?? comingKeeper?.link
    },
    registers: keeper?.registers === true || boot?.registers === true,
    comingKeeper,
    pidKeeping,
    waitingAsker: () => waitingAsker(commandLine.env),
    get title() {
      return process.title
    },
    get environment() {
      return { ...process.env }
    },
    endBoot() {
      boot?.end()
      return [...(boot?.survived ?? [])]
    },
    gracePeriod() {
      const isFirst = isServiceProcess() && inheritVariable === undefined
      const main = process.env['SYSTEMD_EXEC_PID'] ?? ''
      return isFirst
        ? gracePeriodOf(process.env, [process.pid, keeper?.pid].map(String).includes(main))
        : Promise.resolve(undefined)
    },
    serviceManager,
    supervisor: inheritVariable === undefined ? pm2() : undefined,
    watched: watched() || underNodemon(),
    get activation() {
      return activation
    },
    takeListenFds() {
      const count = isMainThread ? takeListenFds(commandLine.env) : 0
      if (count > 0) activation = undefined
      return inheritVariable === undefined ? count : 0
    },
    takeHangUp: () => ledSession?.takeHangUp() === true,
    get hungUp(): boolean {
      return terminals.hungUp
    },
    // A getter: Node opens the terminal when isTTY is first read, which importing zerodrop must not do.
    get interactive(): boolean {
      return process.stdin.isTTY === true && process.stdout.isTTY === true
    },
    now: () => performance.now(),
    get exitStatus() {
      return Number(process.exitCode ?? 0) || 0
    },
    exit(code) {
      for (const release of deferrals) release()
      try {
        terminals.prepareExit()
        process.exit(code)
      } catch (error) {
        // A listener of 'exit' threw: Node would not end the process, and does not call a listener a second
        // time.
        writeError(`[zerodrop] pid ${process.pid}: a listener of 'exit' threw: ${show(error)}`)
        process.exit(code === 0 ? 1 : code)
      }
    },
    spareGroup,
    deferExit(...args) {
      const release = deferExit(...args)
      deferrals.add(release)
      return () => {
        deferrals.delete(release)
        release()
      }
    },
    onExit,
    writeError,
    openProgressLine,
    processorWait,
    freeDescriptors,
    isRunning,
    isServed,
    spawn: successorSpawner({
      commandLine,
      pidKeeping,
      serviceManager,
      parent,
      keeper: () => keeper ?? comingKeeper?.link,
    }),
  }
}
