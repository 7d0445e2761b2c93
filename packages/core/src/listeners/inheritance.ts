import { closeSync } from 'node:fs'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { type Activation, isActivation } from '../system/activation.ts'
import { isDescriptor, isDuration, isPid, isSurvivable, protocolVersion } from '../system/boot.ts'
import { isSocket } from '../system/file-status.ts'
import { ActivatedListeners } from './activated.ts'
import { type Address, isBoundAs, mayExclude } from './address.ts'
import { inodeOf, type SocketFile } from './unix-path.ts'

/** One listening socket that a predecessor passes to a successor. */
export interface InheritedListener {
  readonly fd: number
  /** The address passed to the predecessor's `listen()`. */
  readonly requested: Address
  /** The actual address. */
  readonly bound: Address
  /** Whether a service manager has opened it: then the socket and its file stay when this service stops. */
  readonly foreign?: boolean
}

/** The content of `ZERODROP_INHERIT`. */
export interface Inheritance {
  readonly version: typeof protocolVersion
  readonly generation: number
  /** The process that wrote it, which may have died since. */
  readonly pid: number
  readonly listeners: readonly InheritedListener[]
  /** The descriptor of the channel to the predecessor. */
  readonly channel?: number
  /** The sockets that a service manager has opened for the first process. */
  readonly activated?: Activation
  /** Whether the predecessor has TLS ticket keys to send on request. */
  readonly ticketKeys?: boolean
  /** Signals that restart the predecessor. They must not end a successor that is still starting. */
  readonly bootSignals?: readonly NodeJS.Signals[]
  /** How long a successor without a predecessor may still take to become ready; undefined for no limit. */
  readonly readyTimeout?: number
  /** Whether a keeper that is gone by now has loaded zerodrop into an application that may not use it. */
  readonly register?: boolean
}

export function writeInheritance(inheritance: Inheritance): string {
  return JSON.stringify(inheritance)
}

/**
 * Parses the variable that a predecessor has set.
 * @throws `ERR_ZERODROP_INHERIT_INVALID` if it is invalid
 * @throws `ERR_ZERODROP_INHERIT_MISMATCH` if a descriptor in it is not a socket of this process
 */
export function readInheritance(variable: string): Inheritance {
  const inheritance = parse(variable)
  for (const { fd, bound } of inheritance.listeners) checkSocket(fd, bound)
  return inheritance
}

function parse(variable: string): Inheritance {
  let value: unknown
  let cause: unknown
  try {
    value = JSON.parse(variable)
  } catch (error) {
    cause = error
  }
  if (isInheritance(value)) return value
  const version = (value as { version?: unknown } | null | undefined)?.version
  throw new ZerodropError(
    'ERR_ZERODROP_INHERIT_INVALID',
    Number.isInteger(version) && version !== protocolVersion
      ? `The process that started this one hands over by version ${String(version)} of zerodrop's protocol, this one takes over ` +
          `by version ${protocolVersion}. Stop the old process and start this one; the next restart works again.`
      : `The variable ZERODROP_INHERIT holds ${JSON.stringify(variable.slice(0, 80))}, which no zerodrop process writes. ` +
          'Only a restart sets it: remove it from the environment of this process.',
    { cause },
  )
}

function isInheritance(value: unknown): value is Inheritance {
  if (typeof value !== 'object' || value === null) return false
  const { version, generation, pid, listeners, channel, activated, ticketKeys, bootSignals, readyTimeout } =
    value as Record<keyof Inheritance, unknown>
  return (
    version === protocolVersion &&
    Number.isInteger(generation) &&
    (generation as number) > 1 &&
    isPid(pid) &&
    (channel === undefined || isDescriptor(channel)) &&
    (activated === undefined || isActivation(activated)) &&
    (ticketKeys === undefined || typeof ticketKeys === 'boolean') &&
    (bootSignals === undefined || (Array.isArray(bootSignals) && bootSignals.every(isSurvivable))) &&
    (readyTimeout === undefined || isDuration(readyTimeout)) &&
    Array.isArray(listeners) &&
    listeners.every(isListener) &&
    new Set(listeners.map(({ fd }) => fd)).size === listeners.length
  )
}

function isListener(value: unknown): value is InheritedListener {
  if (typeof value !== 'object' || value === null) return false
  const { fd, requested, bound, foreign } = value as Record<keyof InheritedListener, unknown>
  const isMarked = foreign === undefined || typeof foreign === 'boolean'
  return isDescriptor(fd) && typeof requested === 'string' && typeof bound === 'string' && isMarked
}

function checkSocket(fd: number, bound: Address): void {
  let cause: unknown
  try {
    if (isSocket(fd)) return
  } catch (error) {
    cause = error
  }
  throw mismatch(fd, bound, 'no socket', cause)
}

export function mismatch(fd: number, expected: Address, found: string, cause?: unknown): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_INHERIT_MISMATCH',
    `Descriptor ${fd} was inherited as the listening socket of ${expected} but is ${found}. ` +
      'Something between the two processes closed or reused it: start the process again without ZERODROP_INHERIT.',
    { cause },
  )
}

/** The inherited listeners that have not been adopted yet. Each can be adopted only once. */
export class InheritedListeners {
  /** The sockets of a service manager. Sockets that no server adopts stay as they are. */
  readonly activated: ActivatedListeners = new ActivatedListeners()
  #left: InheritedListener[]

  constructor(listeners: readonly InheritedListener[]) {
    this.#left = [...listeners]
  }

  get left(): readonly InheritedListener[] {
    return this.#left
  }

  /** Adds a listener from another source. */
  offer(listener: InheritedListener): void {
    this.#left.push(listener)
  }

  /**
   * Finds the socket that a `listen()` for this address should adopt: by the requested address first, then
   * by the actual one.
   */
  take(requested: Address): InheritedListener | undefined {
    const found =
      this.#left.find((listener) => listener.requested === requested) ??
      this.#left.find((listener) => isBoundAs(requested, listener.bound))
    this.#left = this.#left.filter((listener) => listener !== found)
    if (found !== undefined) this.activated.forget(found.bound)
    return found ?? this.activated.take(requested)
  }

  /** Takes the socket, if any, because of which the kernel may refuse a `listen()` for another address. */
  lend(requested: Address): InheritedListener | undefined {
    const found = this.#left.find(({ bound }) => mayExclude(requested, bound))
    this.#left = this.#left.filter((listener) => listener !== found)
    return found
  }

  /**
   * Closes the sockets that were not adopted, because this version of the application no longer opens them.
   * @returns their files, to be removed when no other process serves there anymore
   */
  closeRest(): SocketFile[] {
    return this.#left.splice(0).flatMap(({ fd, bound, foreign }) => {
      closeSync(fd)
      if (foreign === true) return []
      const file = /^unix:\/\/([^\0].*)$/s.exec(bound)?.[1]
      return file === undefined ? [] : [{ file, inode: inodeOf(file) }]
    })
  }
}
