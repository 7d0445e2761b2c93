import 'reflect-metadata'
import { Controller, Get, Module } from '@nestjs/common'

class Database {
  onModuleDestroy() {
    return pool.end()
  }
}

class AppController {
  root() {
    return 'hello'
  }

  report() {
    return pool.query('SELECT * FROM report')
  }
}

export class AppModule {}

// What the decorators of TypeScript do.
const method = (name) => [
  AppController.prototype,
  name,
  Object.getOwnPropertyDescriptor(AppController.prototype, name),
]
Get('/')(...method('root'))
Get('/report')(...method('report'))
Controller()(AppController)
Module({ controllers: [AppController], providers: [Database] })(AppModule)
