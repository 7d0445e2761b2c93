import type { Channel as DiagnosticsChannel, ChannelListener } from 'node:diagnostics_channel'

/**
 * Publishes on a channel of `node:diagnostics_channel`. Node turns an error of a subscriber into an uncaught
 * exception, which would end the process in the middle of a drain.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/diagnostics_channel.js (ActiveChannel.publish)
 * @returns the errors of subscribers
 */
export function publish(target: DiagnosticsChannel, message: unknown): unknown[] {
  if (!target.hasSubscribers) return []
  const { _subscribers: subscribers } = target as { _subscribers?: unknown }
  if (!Array.isArray(subscribers)) {
    target.publish(message)
    return []
  }
  const errors: unknown[] = []
  for (const subscriber of subscribers as ChannelListener[]) {
    try {
      subscriber(message, target.name)
    } catch (error) {
      errors.push(error)
    }
  }
  return errors
}
