import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Context } from './context.ts'

/**
 * Warns once if the platform kills this process before the deadline of its drain. If systemd is notified, a
 * drain asks for more time instead. A successor does not repeat the first generation's warning.
 */
export function checkGracePeriod(context: Context): void {
  const { reporter, servingRole, system } = context
  let checked = false
  servingRole.onTaken(() => {
    if (checked || system.serviceManager !== undefined) return
    checked = true
    void system.gracePeriod().then((grace) => {
      const { drainDelay, drainTimeout } = context.settings
      const longest = drainDelay + drainTimeout
      if (grace === undefined || longest <= grace.milliseconds) return
      reporter.warn(
        new ZerodropError(
          'ERR_ZERODROP_GRACE_PERIOD',
          `A stop may take ${Number.isFinite(longest) ? `${longest} ms` : 'any time'} (drainDelay + drainTimeout), and the platform kills this process after ${grace.milliseconds} ms, by ` +
            `${grace.origin}. Raise that, or lower drainTimeout.`,
        ),
      )
    })
  })
}
