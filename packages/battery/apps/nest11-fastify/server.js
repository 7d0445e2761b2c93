'use strict'
const { NestFactory } = require('@nestjs/core')
const { AppModule } = require('./nest-module.js')

async function bootstrap() {
  const app = await NestFactory.create(
    AppModule,
    new (require('@nestjs/platform-fastify').FastifyAdapter)(),
    { logger: ['error', 'warn'] },
  )
  app.enableShutdownHooks()
  await app.listen(Number(process.env.PORT), '127.0.0.1')
}
void bootstrap()
