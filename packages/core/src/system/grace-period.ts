import { unitProperty } from './systemd-unit.ts'

/** How long a platform waits for a process to end after it has asked it to stop. */
export interface GracePeriod {
  readonly milliseconds: number
  /** The platform, and the setting. */
  readonly origin: string
}

/**
 * The grace period of the platform that this process runs on, if it can be known. Docker and Kubernetes do
 * not tell it to a container.
 * @param isMain whether systemd has started this process, or its keeper
 */
export async function gracePeriodOf(
  env: NodeJS.ProcessEnv,
  isMain: boolean,
): Promise<GracePeriod | undefined> {
  // https://devcenter.heroku.com/articles/dynos#graceful-shutdown-with-sigterm
  if (env['DYNO'] !== undefined) return { milliseconds: 30_000, origin: 'Heroku' }
  // https://docs.railway.com/reference/variables
  const seconds = env['RAILWAY_DEPLOYMENT_DRAINING_SECONDS']?.trim() ?? ''
  if (seconds !== '' && Number(seconds) >= 0)
    return { milliseconds: Number(seconds) * 1000, origin: 'RAILWAY_DEPLOYMENT_DRAINING_SECONDS' }
  if (!isMain) return undefined
  const milliseconds = spanOf((await unitProperty('TimeoutStopUSec')) ?? '')
  return milliseconds === undefined
    ? undefined
    : { milliseconds, origin: 'TimeoutStopSec= of the systemd unit' }
}

const units: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  month: 2_629_800_000,
  y: 31_557_600_000,
}

/**
 * Reads a time span of systemd, such as `1min 30s`, in milliseconds. Undefined for `infinity` and for
 * invalid values.
 */
export function spanOf(text: string): number | undefined {
  const parts = text.split(' ').map((part) => /^(\d+(?:\.\d+)?)(us|ms|s|min|h|d|w|month|y)$/.exec(part))
  let total = 0
  for (const part of parts) {
    if (part === null) return undefined
    total += Number(part[1]) * (units[part[2] ?? ''] ?? 0)
  }
  return total
}
