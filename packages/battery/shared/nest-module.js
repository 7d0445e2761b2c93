'use strict'
/** The application of every NestJS in the battery: its server.js chooses the platform and the options. */
require('reflect-metadata')
const { setTimeout: delay } = require('node:timers/promises')
const { Controller, Get, Inject, Module, Query } = require('@nestjs/common')

/** A pool that slow requests use, and that Nest closes. */
class Pool {
  #open = true

  async query(milliseconds) {
    await delay(milliseconds)
    if (!this.#open) throw new Error('the pool is closed')
  }

  onModuleDestroy() {
    this.#open = false
    globalThis.batteryCleanUp()
  }
}

class AppController {
  constructor(pool) {
    this.pool = pool
  }

  root() {
    return { pid: process.pid }
  }

  async slow(milliseconds) {
    await this.pool.query(Number(milliseconds))
    return { pid: process.pid }
  }
}

class AppModule {}

// What the decorators of TypeScript do.
const method = (name) => [
  AppController.prototype,
  name,
  Object.getOwnPropertyDescriptor(AppController.prototype, name),
]
Inject(Pool)(AppController, undefined, 0)
Get('/')(...method('root'))
Get('/slow')(...method('slow'))
Query('ms')(AppController.prototype, 'slow', 0)
Controller()(AppController)
Module({ controllers: [AppController], providers: [Pool] })(AppModule)

module.exports = { AppModule }
