import type { SendHandle } from 'node:child_process'
import type { Channel } from './node-internals.ts'
import type { PredecessorChannel } from './system.ts'

/** The process that has started this one, at the other end of a channel. */
export function predecessorAt(channel: Channel): PredecessorChannel {
  return {
    send(message, handle) {
      // Without the callback, a predecessor that has just died would cause an 'error' event of the channel.
      if (channel.connected) channel.send(message, handle as SendHandle | undefined, {}, () => {})
    },
    onMessage(listener) {
      channel.on('message', listener)
      return () => channel.off('message', listener)
    },
    onDisconnect(listener) {
      let released = false
      const release = (): void => {
        released = true
        channel.off('disconnect', listener)
      }
      channel.on('disconnect', listener)
      // The event may have been emitted already, because an application can import zerodrop late.
      if (!channel.connected)
        queueMicrotask(() => {
          if (!released) listener()
        })
      return release
    },
    disconnect() {
      if (channel.connected) channel.disconnect()
    },
  }
}
