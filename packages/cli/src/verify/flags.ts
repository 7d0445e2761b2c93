import { constants } from 'node:os'
import { Failure } from '../fail.ts'
import type { Target } from './launcher.ts'
import type { Address } from './server/running.ts'
import type { Event, Settings } from './settings.ts'
import type { Situation } from './situations/situation.ts'
import { situations } from './situations/table.ts'

/** As commander parses them. */
export interface VerifyFlags {
  readonly get: string
  readonly slow?: string
  readonly large?: string
  readonly upload?: string
  readonly sse?: string
  readonly ws?: string
  readonly h2: boolean
  readonly url?: string
  readonly pid?: number
  readonly stop?: string
  readonly restart?: string
  readonly restartCommand?: string
  readonly break?: string
  readonly mend?: string
  readonly rtt: number
  readonly limit: number
  readonly startLimit: number
  readonly jobs: number
  readonly repeat: number
  readonly only?: string[]
  readonly list: boolean
  readonly json: boolean
  /** Files. */
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
  /** For people. */
  readonly said: { readonly command: string; readonly event: string }
}

/** @throws Failure with status 2 if they do not fit together */
export function settingsOf(command: readonly string[], flags: VerifyFlags): Plan {
  const target = targetOf(command, flags)
  const event = eventOf(flags)
  if ((flags.break === undefined) !== (flags.mend === undefined))
    throw wrong('--break and --mend go together.')
  if (flags.repeat < 1) throw wrong('--repeat takes a whole number from 1 on.')
  if (flags.jobs < 1) throw wrong('--jobs takes a whole number from 1 on.')
  if (flags.limit < 1 || flags.startLimit < 1)
    throw wrong('--limit and --start-limit take milliseconds from 1 on.')
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
      limit: flags.limit,
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

function eventOf({ stop, restart, restartCommand }: VerifyFlags): Event {
  if ([stop, restart, restartCommand].filter((each) => each !== undefined).length > 1)
    throw wrong('Give one of --stop, --restart and --restart-command.')
  if (restartCommand !== undefined) return { kind: 'restart-command', command: restartCommand }
  if (restart !== undefined) return { kind: 'restart', signal: signalOf(restart, '--restart') }
  return { kind: 'stop', signal: signalOf(stop ?? 'SIGTERM', '--stop') }
}

function signalOf(name: string, flag: string): NodeJS.Signals {
  const full = name.toUpperCase().startsWith('SIG') ? name.toUpperCase() : `SIG${name.toUpperCase()}`
  if (!(full in constants.signals))
    throw wrong(`${flag} takes the name of a signal, such as SIGTERM, not "${name}".`)
  if (full === 'SIGKILL' || full === 'SIGSTOP')
    throw wrong(`No server can handle ${full}, so there is nothing to verify.`)
  return full as NodeJS.Signals
}

function addressOf(text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw wrong(`--url takes an address such as http://127.0.0.1:3000, not "${text}".`)
  const protocol = url.protocol === 'https:' ? 'https' : 'http'
  const port = url.port === '' ? (protocol === 'https' ? 443 : 80) : Number(url.port)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { protocol, host: host === 'localhost' ? '127.0.0.1' : host, port }
}

function choose(event: Event, only: readonly string[] | undefined): Situation[] {
  const kind = event.kind === 'stop' ? 'stop' : 'restart'
  for (const name of only ?? []) {
    const situation = situations.find((each) => each.name === name)
    if (situation === undefined) throw wrong(`There is no situation "${name}". --list names them.`)
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

function eventInWords(event: Event): string {
  if (event.kind === 'restart-command') return `deployed by "${event.command}"`
  return event.kind === 'stop' ? `stopped by ${event.signal}` : `restarted by ${event.signal}`
}

function wrong(message: string): Failure {
  return new Failure(message, { status: 2 })
}
