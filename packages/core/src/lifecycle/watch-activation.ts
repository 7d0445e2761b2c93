import type { Context } from './context.ts'

/** How long a serving application may take to open the rest of its servers, in milliseconds. */
const listenTimeout = 5000

/**
 * Offers the sockets that a service manager has opened for this process to its servers, and reports once on
 * which of them nothing listens.
 * @param inherited addresses of the sockets that a keeper has kept from a crashed generation, which include
 * these
 */
export function watchActivation(
  { listeners, reporter, servingRole, system }: Context,
  inherited: readonly string[],
): void {
  const { activation } = system
  // Without LISTEN_PID, they may be meant for any process: see the preset "grace".
  if (activation?.pid !== true) return
  const { activated } = listeners.inherited
  activated.offer(activation)
  for (const bound of inherited) activated.forget(bound)
  let reported = false
  servingRole.onTaken(() => {
    system.setIdleTimeout(() => {
      const { left } = activated
      if (reported || left.length === 0) return
      reported = true
      reporter.write(
        `systemd has opened ${left.join(', ')} for this service, and nothing here listens there: whoever connects waits. ` +
          'Listen on that address, or name the socket in "socketNames".',
        { left },
        'warn',
      )
    }, listenTimeout)
  })
}
