import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Context } from './context.ts'

/**
 * Says once if the platform kills this process before its drain has to be over. Where systemd is notified, a drain that goes on
 * asks for more time instead. A successor has nothing to add to what the first generation has said.
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
          `A stop may take ${longest} ms (drainDelay + drainTimeout), and the platform kills this process after ${grace.milliseconds} ms, by ` +
            `${grace.origin}. Raise that, or lower drainTimeout.`,
        ),
      )
    })
  })
}
