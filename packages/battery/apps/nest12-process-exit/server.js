'use strict'
const { NestFactory } = require('@nestjs/core')
const { AppModule } = require('./nest-module.js')

async function bootstrap() {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
  app.enableShutdownHooks([], { useProcessExit: true })
  await app.listen(Number(process.env.PORT), '127.0.0.1')
}
void bootstrap()
