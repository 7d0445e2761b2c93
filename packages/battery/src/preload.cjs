/**
 * Runs first in each application. Throws if the version is a broken one, and says when the application cleans up, and
 * when a request was under way then or comes after it. At once, because a signal may end the process.
 */
'use strict'
const { subscribe } = require('node:diagnostics_channel')
const { existsSync, writeSync } = require('node:fs')
const { isMainThread } = require('node:worker_threads')

const say = (what) => writeSync(1, `\n{"battery":"${what}","pid":${process.pid}}\n`)

if (isMainThread) {
  if (existsSync(process.env.BATTERY_BROKEN)) throw new Error('a broken version')
  let underWay = 0
  let clean = false
  subscribe('http.server.request.start', ({ response }) => {
    underWay++
    // Also when its client has left, as one may while an application boots.
    response.once('close', () => underWay--)
    if (clean) say('early')
  })
  globalThis.batteryCleanUp = () => {
    clean = true
    say('cleaned')
    if (underWay > 0) say('early')
  }
  // That of the guides.
  globalThis.pool = {
    query: () => new Promise((resolve) => setTimeout(resolve, 200, [])),
    end: async () => globalThis.batteryCleanUp(),
  }
}
