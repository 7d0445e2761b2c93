/**
 * The sockets that a service manager has opened for a process and passed to it as descriptors 3 and up:
 * systemd's sd_listen_fds(3).
 */
export interface Activation {
  /** How many there are. */
  readonly count: number
  /** Whether `LISTEN_PID` names the process that they are for. */
  readonly pid: boolean
  /** Their names, with colons between them. */
  readonly names?: string
}

/** Reads them from the environment; undefined if there are none, or if they are for another process. */
export function activationOf({
  LISTEN_FDS,
  LISTEN_PID,
  LISTEN_FDNAMES,
}: NodeJS.ProcessEnv): Activation | undefined {
  if (LISTEN_FDS === undefined || !/^[1-9]\d{0,3}$/.test(LISTEN_FDS)) return undefined
  if (LISTEN_PID !== undefined && LISTEN_PID !== String(process.pid)) return undefined
  return {
    count: Number(LISTEN_FDS),
    pid: LISTEN_PID !== undefined,
    ...(LISTEN_FDNAMES !== undefined && { names: LISTEN_FDNAMES }),
  }
}

/** Sets these variables for this process, which has the sockets from its predecessor. */
export function activate({ count, pid, names }: Activation, env: NodeJS.ProcessEnv): void {
  env['LISTEN_FDS'] = String(count)
  if (pid) env['LISTEN_PID'] = String(process.pid)
  if (names !== undefined) env['LISTEN_FDNAMES'] = names
}

export function isActivation(value: unknown): value is Activation {
  if (typeof value !== 'object' || value === null) return false
  const { count, pid, names } = value as Record<keyof Activation, unknown>
  const isNamed = names === undefined || typeof names === 'string'
  return Number.isInteger(count) && (count as number) > 0 && typeof pid === 'boolean' && isNamed
}

/**
 * Removes `LISTEN_FDS` from the environment if no `LISTEN_PID` goes with it.
 * @returns how many descriptors it counts
 * @param startEnvironment the environment of successors, which get their sockets in another way
 */
export function takeListenFds(startEnvironment: NodeJS.ProcessEnv): number {
  const { LISTEN_FDS: count, LISTEN_PID: pid } = process.env
  if (count === undefined || pid !== undefined) return 0
  delete process.env['LISTEN_FDS']
  delete startEnvironment['LISTEN_FDS']
  return /^[1-9]\d{0,3}$/.test(count) ? Number(count) : 0
}
