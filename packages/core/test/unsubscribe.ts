/**
 * A lifecycle watches `listen()` on node:diagnostics_channel for as long as its process lives. Jest runs many test files in
 * one process, and its sandboxes share the modules of Node: a lifecycle of one file would drain the servers of the next.
 */
import channels from 'node:diagnostics_channel'

const { subscribe } = channels
const releases: (() => void)[] = []

channels.subscribe = (name, handler) => {
  subscribe(name, handler)
  releases.push(() => channels.unsubscribe(name, handler))
}

afterAll(() => {
  channels.subscribe = subscribe
  for (const release of releases.splice(0)) release()
})
