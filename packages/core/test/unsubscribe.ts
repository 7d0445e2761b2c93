/**
 * Jest runs many test files in one process, and its sandboxes share the modules of Node, node:diagnostics_channel among
 * them:
 *
 * - A lifecycle watches `listen()` for as long as its process lives. A lifecycle of one file would drain the servers of
 *   the next. So all subscriptions of a file end with it.
 * - Node frees a channel that nothing holds. Before Node 22.21 and 24.9, it may then forget the next channel of that
 *   name, with its subscribers: a later file would hear nothing. So no channel of a file is freed, and Node's modules
 *   create their channels before any file can. https://github.com/nodejs/node/pull/59910
 */
import channels, { type Channel } from 'node:diagnostics_channel'
import 'node:dgram'
import 'node:http'

const { channel, subscribe } = channels
const releases: (() => void)[] = []
const names = new Set<string | symbol>()

/** The channels of all files of this process. */
const key = Symbol.for('zerodrop.test.channels')
const held = ((channels as { [key]?: Set<Channel> })[key] ??= new Set())

channels.channel = (name) => {
  names.add(name)
  return channel(name)
}

channels.subscribe = (name, handler) => {
  names.add(name)
  subscribe(name, handler)
  releases.push(() => channels.unsubscribe(name, handler))
}

afterAll(() => {
  Object.assign(channels, { channel, subscribe })
  for (const name of names) held.add(channel(name))
  for (const release of releases.splice(0)) release()
})
