import { closest } from './closest.ts'
import { eventInWords, eventOf } from './event.ts'
import type { EventFlags } from './event.ts'
import { addressOf, wrong } from './flag-values.ts'
import type { Target } from './launcher.ts'
import type { Address } from './server/running.ts'
import type { Event, Settings } from './settings.ts'
import type { Situation } from './situations/situation.ts'
import { situations } from './situations/table.ts'

/** The options, as commander parses them. */
export interface VerifyFlags extends EventFlags {
  readonly get: string
  readonly slow?: string
  readonly large?: string
  readonly upload?: string
  readonly sse?: string
  readonly ws?: string
  readonly h2: boolean
  readonly url?: string
  readonly pid?: number
  readonly break?: string
  readonly mend?: string
  readonly rtt: number
  readonly limit?: number
  readonly startLimit: number
  readonly jobs: number
  readonly repeat: number
  readonly only?: string[]
  readonly list: boolean
  readonly json: boolean
  /** The files to write reports to. */
  readonly junit?: string
  readonly html?: string
  readonly baseline?: string
  readonly github: boolean
  readonly docker?: string
}

export interface Plan {
  readonly settings: Settings
  readonly target: Target
  readonly only: Address | undefined
  readonly chosen: readonly Situation[]
  /** The command and the event, as the reports print them. */
  readonly said: { readonly command: string; readonly event: string }
}

/**
 * @param imageSignal the `STOPSIGNAL` of the image, which stops a container without `--stop`
 * @throws Failure with status 2 if the options conflict or are invalid
 */
export function settingsOf(command: readonly string[], flags: VerifyFlags, imageSignal?: string): Plan {
  const target = targetOf(command, flags)
  const event = eventOf(flags, imageSignal)
  if ((flags.break === undefined) !== (flags.mend === undefined))
    throw wrong('--break and --mend go together.')
  if (flags.repeat < 1) throw wrong('--repeat takes a whole number from 1 on.')
  if (flags.jobs < 1) throw wrong('--jobs takes a whole number from 1 on.')
  const limit =
    flags.limit ?? (target.kind === 'docker' && event.kind === 'stop' ? DOCKER_LIMIT : DEFAULT_LIMIT)
  for (const milliseconds of [limit, flags.startLimit])
    if (milliseconds < 1 || milliseconds > LONGEST)
      throw wrong(`--limit and --start-limit take milliseconds from 1 to ${LONGEST}, which is an hour.`)
  if (flags.rtt > LONGEST_ROUND_TRIP) throw wrong(`--rtt takes milliseconds from 0 to ${LONGEST_ROUND_TRIP}.`)
  if (flags.pid !== undefined && event.kind === 'stop' && (flags.only?.length !== 1 || flags.repeat > 1))
    throw wrong(
      '--pid with a stop ends the server, so it takes one situation, once: --only in-flight, for example. With --restart or --restart-command it takes all of them.',
    )
  const routes = {
    get: flags.get,
    slow: flags.slow,
    large: flags.large,
    upload: flags.upload,
    sse: flags.sse,
    ws: flags.ws,
  }
  for (const [name, route] of Object.entries(routes))
    if (route !== undefined && !/^\/[^\s]*$/.test(route))
      throw wrong(`--${name} takes a path that begins with "/", not "${route}".`)
  const broken =
    flags.break !== undefined && flags.mend !== undefined
      ? { break: flags.break, mend: flags.mend }
      : undefined
  return {
    settings: {
      routes,
      h2: flags.h2,
      event,
      broken,
      roundTrip: flags.rtt,
      limit,
      startLimit: flags.startLimit,
    },
    target,
    only: flags.url === undefined ? undefined : addressOf(flags.url),
    chosen: choose(event, flags.only),
    said: {
      command: targetInWords(target),
      event: eventInWords(event),
    },
  }
}

function targetOf([file, ...args]: readonly string[], { pid, docker }: VerifyFlags): Target {
  if (
    [file, pid, docker].filter((each) => each !== undefined).length > 1 &&
    !(docker !== undefined && pid === undefined)
  )
    throw wrong('Give a command, --pid or --docker, and one of them only.')
  if (docker !== undefined)
    return { kind: 'docker', image: docker, command: file === undefined ? [] : [file, ...args] }
  if (pid !== undefined) return { kind: 'pid', pid }
  if (file !== undefined) return { kind: 'command', command: [file, ...args] }
  throw wrong(
    'Which server? Give the command that starts it, behind two dashes: zerodrop verify -- node server.js',
  )
}

/** In milliseconds, as the two after it. */
const DEFAULT_LIMIT = 15_000
/** After this time, `docker stop` kills a container. */
const DOCKER_LIMIT = 10_000
/** A timer that overflows in Node fires at once. */
const LONGEST = 3_600_000
const LONGEST_ROUND_TRIP = 10_000

function choose(event: Event, only: readonly string[] | undefined): Situation[] {
  const kind = event.kind === 'stop' ? 'stop' : 'restart'
  for (const name of only ?? []) {
    const situation = situations.find((each) => each.name === name)
    if (situation === undefined) {
      const near = closest(
        name,
        situations.map((each) => each.name),
      )
      const meant = near === undefined ? '' : ` Did you mean "${near}"?`
      throw wrong(`There is no situation "${name}".${meant} --list names them.`)
    }
    if (!situation.at.includes(kind))
      throw wrong(`The situation "${name}" is one of a ${situation.at.join(' or a ')}, not of a ${kind}.`)
  }
  return situations.filter(({ name, at }) => at.includes(kind) && (only === undefined || only.includes(name)))
}

function targetInWords(target: Target): string {
  if (target.kind === 'pid') return `pid ${target.pid}`
  return target.kind === 'docker'
    ? ['docker', target.image, ...target.command].join(' ')
    : target.command.join(' ')
}
