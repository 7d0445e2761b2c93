import type { SendHandle } from 'node:child_process'
import type { Channel } from './node-internals.ts'
import type { PredecessorChannel } from './system.ts'

/** The process at the other end of a channel, which has started this one. */
export function predecessorAt(channel: Channel): PredecessorChannel {
  return {
    send(message, handle) {
      // The callback keeps a predecessor that has just died from becoming an 'error' event of the channel.
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
      // It is emitted once, and that may be over: an application can take its time to import zerodrop.
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
