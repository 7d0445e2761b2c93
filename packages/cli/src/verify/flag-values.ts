import { constants } from 'node:os'
import { Failure } from '../fail.ts'
import { closest } from './closest.ts'
import type { Address } from './server/running.ts'

/** @throws Failure if the signal does not exist or cannot be handled */
export function signalOf(name: string, flag: string): NodeJS.Signals {
  const full = name.toUpperCase().startsWith('SIG') ? name.toUpperCase() : `SIG${name.toUpperCase()}`
  if (!(full in constants.signals)) {
    const near = closest(full, Object.keys(constants.signals))
    const meant = near === undefined ? '' : ` Did you mean ${near}?`
    throw wrong(`${flag} takes the name of a signal, such as SIGTERM, not "${name}".${meant}`)
  }
  if (full === 'SIGKILL' || full === 'SIGSTOP')
    throw wrong(`No server can handle ${full}, so there is nothing to verify.`)
  return full as NodeJS.Signals
}

/** @throws Failure if the text is not a URL of a server alone, without a path */
export function addressOf(text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw wrong(`--url takes an address such as http://127.0.0.1:3000, not "${text}".`)
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '')
    throw wrong(
      `--url takes an address without a path, such as ${url.protocol}//${url.host}. Name the route with --get ${url.pathname}${url.search}`,
    )
  const protocol = url.protocol === 'https:' ? 'https' : 'http'
  const port = url.port === '' ? (protocol === 'https' ? 443 : 80) : Number(url.port)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { protocol, host, port }
}

/** A mistake in the command line. */
export function wrong(message: string): Failure {
  return new Failure(message, { status: 2 })
}
