/** Listens to every request, or not, as the benchmark says: variants that are of a process and not of a server. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import http from 'node:http'
import { application, listen, onSwitch } from './control.mjs'

const channel = 'http.server.request.start'
const startedAt = Symbol('startedAt')
const subscribers = {
  'channel-empty': () => {},
  'channel-time': ({ request }) => {
    request[startedAt] = performance.now()
  },
}
let current
onSwitch((variant) => {
  if (current !== undefined) unsubscribe(channel, current)
  current = subscribers[variant]
  if (current !== undefined) subscribe(channel, current)
})
listen(http.createServer(application))
