import { DrainingSignals } from '../drain/draining-signals.ts'
import { DrainingVerdicts } from '../drain/draining-verdicts.ts'
import { Reporter } from '../events/reporter.ts'
import { Arrivals } from '../handover/arrivals.ts'
import { Handover } from '../handover/live/handover.ts'
import { LiveArrivals } from '../handover/live/live-arrivals.ts'
import { Predecessor, sendStarted } from '../handover/predecessor.ts'
import { SelfCheck } from '../handover/self-check.ts'
import { InheritedTicketKeys } from '../handover/ticket-keys.ts'
import { Datagrams } from '../listeners/datagrams.ts'
import { Hold } from '../listeners/hold.ts'
import { Listeners } from '../listeners/listeners.ts'
import { Openings } from '../listeners/openings.ts'
import { ClusterWorkers } from '../servers/cluster-workers.ts'
import { Drains } from '../servers/drains.ts'
import { ManagedServers } from '../servers/managed-servers.ts'
import type { System } from '../system/system.ts'
import { Configuration } from './configuration.ts'
import type { Context } from './context.ts'
import { Ending } from './ending.ts'
import { ExitWatch } from './exit-watch.ts'
import { checkGracePeriod } from './grace-period.ts'
import { HealthService } from './health-service.ts'
import { History } from './history.ts'
import { Hooks } from './hooks.ts'
import { Kept } from './kept.ts'
import { type Origin, originOf } from './origin.ts'
import { ProgressDisplay } from './progress.ts'
import { ProbedServers } from './probed-servers.ts'
import { firstHttpServer, Readiness } from './readiness.ts'
import { Restarts } from './restarts.ts'
import { ServiceNotices } from './service-notices.ts'
import { Serving } from './serving.ts'
import { ServingRole } from './serving-role.ts'
import { watchActivation } from './watch-activation.ts'
import { SignalReactions } from './signal-reactions.ts'
import { StateMachine } from './state.ts'
import { StatusReader } from './status-reader.ts'
import { Succession } from './succession.ts'

/** The parts of the lifecycle of a process. `Lifecycle` and `Adapter` are two views of them. */
export interface Parts {
  readonly context: Context
  readonly origin: Origin
  readonly configuration: Configuration
  readonly signals: DrainingSignals
  readonly verdicts: DrainingVerdicts
  readonly health: HealthService
  readonly ending: Ending
  readonly restarts: Restarts
  readonly succession: Succession
  readonly readiness: Readiness
  readonly status: StatusReader
  readonly reactions: SignalReactions
  readonly serving: Serving
  readonly probed: ProbedServers
}

/**
 * Builds the parts of a lifecycle, each from parts that exist already, and then connects parts that depend
 * on each other.
 */
export function wire(system: System): Parts {
  // Events and options.
  const reporter = new Reporter(system)
  const history = new History(system, reporter)
  const configuration = new Configuration()

  // The origin of this process.
  const origin = originOf(system)
  const { addresses, generation, inherited, inheritance } = origin
  const isInherited = (address: string | undefined): boolean =>
    address !== undefined && addresses.includes(address)
  const servingRole = new ServingRole(system, reporter, configuration)
  const predecessor =
    system.predecessor &&
    inheritance &&
    new Predecessor(system.predecessor, inheritance.pid, () => servingRole.held)
  // This tells a predecessor of any version that it waits for a process that will not take over.
  if (origin.error !== undefined && system.predecessor !== undefined) sendStarted(system.predecessor)

  // Sockets, servers, and connections that move between generations.
  const hold = new Hold(system, predecessor !== undefined)
  const openings = new Openings(system)
  const listeners = new Listeners(system, inherited, hold)
  const datagrams = new Datagrams(system, inherited, hold)
  const handover = new Handover((takes) => predecessor?.sendTakes(takes))
  const arrivals = new Arrivals(system)
  const liveArrivals = new LiveArrivals(system, handover)
  const signals = new DrainingSignals()
  const servers = new ManagedServers(
    system,
    signals,
    (address) => predecessor?.serves === true && isInherited(address),
  )
  const drains = new Drains(system, servers, reporter)
  const workers = new ClusterWorkers(system, reporter)
  const verdicts = new DrainingVerdicts((warning) => reporter.warn(warning))

  // States and endings.
  const state = new StateMachine()
  const hooks = new Hooks(system, reporter)
  const context: Context = {
    system,
    reporter,
    listeners,
    hold,
    datagrams,
    servers,
    drains,
    workers,
    hooks,
    servingRole,
    state,
    handover,
    predecessor,
    get settings() {
      return configuration.settings
    },
  }
  const ending = new Ending(context)
  const restarts = new Restarts(context, ending, generation)
  const stop = (reason: string): void =>
    void ending.shutdownAndExit(reason, configuration.settings, 'SIGTERM')
  const exitWatch = new ExitWatch(context)

  // How this process becomes the serving one.
  const health = new HealthService(system, reporter)
  const selfCheck = new SelfCheck(system, {
    server: () => firstHttpServer(context),
    onNotReady: (reason) => predecessor?.sendNotReady(reason),
    onWarmUpFailed: (text) => reporter.write(text, {}, 'warn'),
  })
  const readyTimeout = inheritance?.readyTimeout ?? Infinity
  const ticketKeys =
    predecessor && inheritance?.ticketKeys === true ? new InheritedTicketKeys(predecessor) : undefined
  const succession = new Succession(context, {
    generation,
    ticketKeys,
    readyTimeout,
    notReady: () => selfCheck.reason,
    onRestart: () => void restarts.ask(true),
    onDismissed: () => stop('dismissed'),
  })
  const readiness = new Readiness(context, { generation, readyTimeout, health, selfCheck, succession })

  // Requests from outside.
  const status = new StatusReader(context, {
    generation,
    readiness,
    history,
    arrivals,
    liveArrivals,
    restarts,
    isInherited,
  })
  const reactions = new SignalReactions(context, {
    configuration,
    openings,
    ending,
    restarts,
    exitWatch,
    dumpStatus: () => status.dump(),
  })
  const { comingKeeper, keeper } = system
  const kept =
    (keeper ?? comingKeeper) &&
    new Kept(context, generation, {
      restart: () => restarts.restart(),
      stop: () => stop('stop'),
      status: () => status.read(),
      abandoned: () => stop('keeper gone'),
    })
  if (keeper !== undefined) kept?.keepBy(keeper, addresses)
  else if (comingKeeper !== undefined) void kept?.expect(comingKeeper)
  const probed = new ProbedServers(servers, health, readiness)
  const serving = new Serving(context, {
    configuration,
    openings,
    health,
    readiness,
    probed,
    succession,
    ending,
    reactions,
    ticketKeys,
    kept,
    isInherited,
  })

  // Connects the parts.
  new ProgressDisplay(context).watch()
  checkGracePeriod(context)
  if (system.serviceManager !== undefined)
    new ServiceNotices(context, system.serviceManager, generation).watch()
  openings.onChange(() => reactions.update())
  state.onStep((current) => {
    if (current === 'serving') readiness.check()
    else if (current !== 'restarting') readiness.stopChecking()
    exitWatch.update(current)
    reactions.update()
    if (current === 'closed') health.close()
  })
  ending.onBegin(() => {
    kept?.onStop()
    readiness.reset()
    predecessor?.sendStopping()
    return restarts.abort()
  })
  if (inheritance === undefined) watchActivation(context, addresses)
  if (inheritance !== undefined || addresses.length > 0) serving.watch()
  if (predecessor !== undefined) {
    predecessor.onDisconnect(arrivals.listen(predecessor, (address) => servers.at(address)))
    predecessor.onDisconnect(liveArrivals.listen(predecessor, (address) => servers.at(address)))
  }

  return {
    context,
    origin,
    configuration,
    signals,
    verdicts,
    health,
    ending,
    restarts,
    succession,
    readiness,
    status,
    reactions,
    serving,
    probed,
  }
}
