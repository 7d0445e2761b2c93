import type { Activation } from '../system/activation.ts'
import type { Address } from './address.ts'
import { descriptorAddress } from './descriptor-address.ts'
import { isBoundAs } from './address.ts'
import type { InheritedListener } from './inheritance.ts'

/**
 * Maps the name of a service manager's socket to a `listen()`: a port, `host:port`, or the path of a Unix
 * socket.
 */
export type SocketNames = Readonly<Record<string, number | string>>

interface Socket {
  readonly fd: number
  /** Undefined if it is unknown. */
  readonly bound: Address | undefined
  readonly name: string | undefined
}

/** The first descriptor after stdin, stdout and stderr. */
const first = 3

/** https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html#FileDescriptorName= */
const connectionName = 'connection'

/** The sockets that a service manager has opened for this process and that no server has adopted yet. */
export class ActivatedListeners {
  #left: Socket[] = []
  #names: SocketNames = {}

  /** Adds the sockets from the manager. */
  offer({ count, names = '' }: Activation): void {
    const named = names.split(':')
    this.#left = Array.from({ length: count }, (_, index) => ({
      fd: first + index,
      bound: descriptorAddress(first + index),
      name: named[index] === '' ? undefined : named[index],
    }))
  }

  /** Sets which names belong to which `listen()`, regardless of the socket's address. */
  name(names: SocketNames): void {
    this.#names = names
  }

  /** Describes the sockets that are left, for a log line. */
  get left(): readonly string[] {
    return this.#left.map(({ fd, bound, name }) => {
      const called = name === undefined ? '' : `, named "${name}"`
      return `${bound ?? 'a socket'} (descriptor ${fd}${called})`
    })
  }

  /** Whether there is a connection that systemd has accepted: `Accept=yes` in the socket unit. */
  get hasConnection(): boolean {
    return this.#left.some(({ bound, name }) => bound === undefined && name === connectionName)
  }

  /** Forgets a socket that this process got in another way. */
  forget(bound: Address): void {
    this.#left = this.#left.filter((socket) => socket.bound !== bound)
  }

  /** Finds what a `listen()` for this address should adopt. */
  take(requested: Address): InheritedListener | undefined {
    const found =
      this.#left.find(({ fd }) => requested === `fd://${fd}`) ??
      this.#left.find((socket) => this.#isNamed(socket, requested)) ??
      this.#unnamed.find(({ bound }) => bound !== undefined && isBoundAs(requested, bound)) ??
      this.#unnamed.find(({ bound }) => isMeant(requested, bound))
    this.#left = this.#left.filter((socket) => socket !== found)
    if (found?.bound === undefined) return undefined
    return { fd: found.fd, requested, bound: found.bound, foreign: true }
  }

  /** Takes back a socket that a failed `listen()` did not use. */
  return({ fd, bound }: InheritedListener): void {
    this.#left.push({ fd, bound, name: undefined })
  }

  /** The sockets that are matched by address. */
  get #unnamed(): Socket[] {
    return this.#left.filter(({ name }) => this.#names[name ?? ''] === undefined)
  }

  #isNamed({ name }: Socket, requested: Address): boolean {
    const meant = name === undefined ? undefined : this.#names[name]
    if (meant === undefined) return false
    const text = String(meant)
    if (/^\d+$/.test(text)) return requested.startsWith('tcp://') && requested.endsWith(`:${text}`)
    return requested === `unix://${text}` || requested === `tcp://${text}`
  }
}

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]'])
const everywhere: ReadonlySet<string> = new Set(['*', '[::]', '0.0.0.0'])

/**
 * Whether a socket bound to `bound` serves a `listen()` for `requested`. systemd does not accept host names,
 * and binds `3000` on `[::]` for IPv4 as well. A unit may restrict an application that listens on all
 * addresses to some of them, but not the other way round.
 */
function isMeant(requested: Address, bound: Address | undefined): boolean {
  const [, host = '', port] = /^tcp:\/\/(.*):(\d+)$/.exec(requested) ?? []
  const [, boundHost = '', boundPort] = /^tcp:\/\/(.*):(\d+)$/.exec(bound ?? '') ?? []
  if (port === undefined || port !== boundPort) return false
  return host === 'localhost' ? loopback.has(boundHost) : everywhere.has(host)
}
