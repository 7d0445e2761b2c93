import { spawnSync } from 'node:child_process'
import cluster from 'node:cluster'
import { isMainThread } from 'node:worker_threads'
import { show } from '../errors/reason.ts'
import { activationOf } from './activation.ts'
import { type Boot, bootKey, inheritVariableName } from './boot.ts'
import { callerOfExit } from './caller-of-exit.ts'
import { type ComingKeeper, comingKeeperKey, takeComingKeeper } from './coming-keeper.ts'
import { realCluster } from './cluster.ts'
import { recordCommandLine, rememberedCommandLine } from './command-line.ts'
import { deferExit } from './defer-exit.ts'
import { gracePeriodOf } from './grace-period.ts'
import { inspectAfter } from './inspector.ts'
import { type KeeperLink, keeperKey, takeKeeper } from './keeper-link.ts'
import { spawnUntold } from './node-internals.ts'
import { takeOrders } from './orders.ts'
import { predecessorAt } from './predecessor-channel.ts'
import { ParentChannel } from './parent-channel.ts'
import { realPidKeeping } from './pid-keeping.ts'
import { processorWait } from './processor-wait.ts'
import { openProgressLine } from './progress-line.ts'
import { realSignals } from './real-signals.ts'
import { serviceManagerOf } from './service-manager.ts'
import { isSingleExecutable } from './single-executable.ts'
import { forSuccessor } from './start-environment.ts'
import { pm2, underNodemon, watched } from './supervisors.ts'
import type { Incapacity, Release, System } from './system.ts'
import { Terminals } from './terminals.ts'

/** Node fires a timer beyond this many milliseconds at once. */
const longestTimer = 2 ** 31 - 1

/** The process we are in. Reads the start conditions once, and takes our variable out of the environment. */
export function realSystem(): System {
  const boot = (globalThis as { [bootKey]?: Boot })[bootKey]
  boot?.takeOver()
  // Where there was no preload: at once. A worker thread has a copy of the environment, but the descriptors are the
  // process's.
  const orders = isMainThread && boot === undefined ? takeOrders() : undefined
  const inheritVariable = boot?.inheritVariable ?? orders?.variable
  const channel = boot?.channel ?? orders?.channel
  if (channel !== undefined) inspectAfter(channel)
  const keeper = keeperOf()
  const comingKeeper = comingKeeperOf()
  const commandLine = rememberedCommandLine() ?? recordCommandLine(boot?.file ?? keeper?.preload)
  const pidKeeping = realPidKeeping(commandLine, writeError)
  const parent = isMainThread ? ParentChannel.own() : undefined
  if (orders !== undefined) parent?.wait()
  const terminals = new Terminals()
  let activation = isMainThread ? activationOf(process.env) : undefined
  const serviceManager = isServiceProcess()
    ? serviceManagerOf(keeper?.pid, inheritVariable !== undefined)
    : undefined
  const deferrals = new Set<Release>()
  return {
    ...realSignals(),
    incapacity: incapacity(),
    cluster: realCluster(),
    commandLine,
    inheritVariable,
    parent,
    predecessor: channel === undefined ? undefined : predecessorAt(channel),
    get keeper() {
      return keeper ?? comingKeeper?.link
    },
    comingKeeper,
    pidKeeping,
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
    get hungUp(): boolean {
      return terminals.hungUp
    },
    // A getter: Node opens the terminal when isTTY is first read, which importing zerodrop must not do.
    get interactive(): boolean {
      return process.stdin.isTTY === true && process.stdout.isTTY === true
    },
    now: () => performance.now(),
    setTimeout(callback, milliseconds) {
      if (milliseconds === Infinity) return () => {}
      let timer: NodeJS.Timeout
      const wait = (left: number): void => {
        const step = Math.min(left, longestTimer)
        // Called through the global at this moment, so that fake timers reach it.
        timer = setTimeout(() => (left > step ? wait(left - step) : callback()), step)
      }
      wait(milliseconds)
      return () => clearTimeout(timer)
    },
    setIdleTimeout(callback, milliseconds) {
      const timer = setTimeout(callback, milliseconds).unref()
      return () => clearTimeout(timer)
    },
    hold() {
      const timer = setInterval(() => {}, longestTimer)
      return () => clearInterval(timer)
    },
    get exitStatus() {
      return Number(process.exitCode ?? 0) || 0
    },
    exit(code) {
      for (const release of deferrals) release()
      try {
        terminals.prepareExit()
        process.exit(code)
      } catch (error) {
        // A listener of 'exit' threw: Node would not end the process, and calls no listener a second time.
        writeError(`[zerodrop] pid ${process.pid}: a listener of 'exit' threw: ${show(error)}`)
        process.exit(code === 0 ? 1 : code)
      }
    },
    deferExit(signals, onExit) {
      const release = deferExit(signals, onExit)
      deferrals.add(release)
      return () => {
        deferrals.delete(release)
        release()
      }
    },
    whenIdle(callback, milliseconds) {
      // Somebody who started this process over a channel, such as pm2, waits for its end and not for a message.
      process.channel?.unref()
      const timer = milliseconds > 2 ** 31 - 1 ? undefined : setTimeout(end, milliseconds, false).unref()
      const onIdle = (): void => end(true)
      process.once('beforeExit', onIdle)
      function release(): void {
        clearTimeout(timer)
        process.off('beforeExit', onIdle)
      }
      function end(idle: boolean): void {
        release()
        callback(idle)
      }
      return release
    },
    onExit(listener) {
      const onExit = (status: number): void => {
        // Called inside process.exit(), so the stack shows who called it.
        process.exitCode = listener(status, callerOfExit(new Error('exit').stack))
      }
      process.on('exit', onExit)
      return () => process.off('exit', onExit)
    },
    writeError,
    openProgressLine,
    processorWait,
    isServed(path) {
      // A single executable takes `-e` for the application's: it would start a second one.
      if (isSingleExecutable()) return true
      // listen() has to know before it returns, and only a process of its own can wait for a connection meanwhile.
      return (
        spawnSync(process.execPath, ['-e', connectAndExit, path], { env: {}, timeout: 5000 }).status !== 1
      )
    },
    spawn(listeners, environment, isKept = false) {
      const { args, env } = commandLine.start(forSuccessor(environment))
      const stdio = ['inherit', 'inherit', 'inherit', ...listeners.map(({ fd }) => fd), 'ipc'] as const
      const program = {
        file: commandLine.command(),
        args: [process.argv0, ...args],
        cwd: commandLine.cwd,
        env: {
          ...env,
          [inheritVariableName]: environment[inheritVariableName],
          // What notifies nobody has a successor that notifies nobody.
          ...(serviceManager?.variables ?? { NOTIFY_SOCKET: undefined }),
          ...(isKept && pidKeeping.variables()),
        },
      }
      const link = keeper ?? comingKeeper?.link
      if (link !== undefined)
        return link.start(
          program,
          listeners.map(({ bound }) => bound),
        )
      const child = spawnUntold({
        ...program,
        env: { ...program.env, ...parent?.variables(stdio.length) },
        stdio: parent === undefined ? [...stdio] : [...stdio, parent.stdio],
      })
      if (child === undefined)
        throw new Error(`this version of Node (${process.version}) is not known to zerodrop`)
      if (parent !== undefined) ParentChannel.keep(child, stdio.length)
      if (isKept) pidKeeping.started(child)
      return child
    },
  }
}

function keeperOf(): KeeperLink | undefined {
  if (!isMainThread) return undefined
  return (globalThis as { [keeperKey]?: KeeperLink })[keeperKey] ?? takeKeeper()
}

function comingKeeperOf(): ComingKeeper | undefined {
  if (!isMainThread) return undefined
  return (globalThis as { [comingKeeperKey]?: ComingKeeper })[comingKeeperKey] ?? takeComingKeeper()
}

/** Exits with 1 if nobody listens. Any other answer, or none, is that of someone who must not be disturbed. */
const connectAndExit =
  "require('net').connect(process.argv[1], () => process.exit(0)).on('error', ({ code }) => process.exit(code === 'ECONNREFUSED' ? 1 : 2))"

/** Never throws. Where stderr is closed, full or gone there is nowhere left to say it. */
function writeError(line: string): void {
  try {
    process.stderr.write(`${line}\n`, (error) => {
      // The terminal is closed, or the reader of the pipe is gone: no reason to end a process that drains.
      if (error && process.stderr.listenerCount('error') === 0) process.stderr.once('error', () => {})
    })
  } catch {
    // Node cannot open a descriptor that the application has closed, and the method may be the application's own.
  }
}

/** A worker of node:cluster, or a thread, is a part of the service. */
function isServiceProcess(): boolean {
  return isMainThread && !cluster.isWorker
}

function incapacity(): Incapacity | undefined {
  if (!isMainThread) return 'worker-thread'
  if (cluster.isWorker) return 'cluster-worker'
  if (process.platform === 'win32') return 'platform'
  if (pm2() !== undefined) return 'pm2'
  if (watched()) return 'watcher'
  if (underNodemon()) return 'nodemon'
  return undefined
}

/** @param startEnvironment what a successor is started with, by a restart: it has its sockets by other means */
function takeListenFds(startEnvironment: NodeJS.ProcessEnv): number {
  const { LISTEN_FDS: count, LISTEN_PID: pid } = process.env
  if (count === undefined || pid !== undefined) return 0
  delete process.env['LISTEN_FDS']
  delete startEnvironment['LISTEN_FDS']
  return /^[1-9]\d{0,3}$/.test(count) ? Number(count) : 0
}
