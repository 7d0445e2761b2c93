/**
 * What the fragments in the docs use without saying where it comes from, with its type: a module that declares or
 * imports a name of its own hides the one from here.
 */
export const docGlobals = `
import type { Express, Request } from 'express'
import type { Server, IncomingMessage, RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket, WebSocketServer } from 'ws'

declare module 'fastify' {
  interface FastifyInstance { gracefulShutdown(handler: (signal: string) => Promise<void>): void }
}

declare global {
  const app: Express
  const server: Server
  const handler: RequestListener
  const wss: WebSocketServer
  /** A user of the WebSocket examples. */
  interface User extends WebSocket { user: string; rooms: Set<string> }
  const sessions: WeakMap<object, unknown>
  function greet(ws: unknown, request: IncomingMessage): unknown
  function fromVersion1(state: object): object
  const pool: { query(sql: string): Promise<unknown>; end(): Promise<void> }
  const queue: { ping(options: { signal: AbortSignal }): Promise<void> }
  const worker: { close(): Promise<void> }
  const cron: { start(): void; stop(): void }
  const logger: { flush(callback: () => void): void }
  const log: { info(text: string): void; reopen(): void }
  const vault: { read(name: string): Promise<Record<string, string>> }
  const sdk: { shutdown(): Promise<void> }
  const authenticated: WeakSet<Socket>
  /** Of Nitro 2 and Nuxt, which import it by themselves. */
  function defineNitroPlugin(plugin: (nitro: { hooks: { hook(name: 'close', hook: () => unknown): void } }) => void): unknown
  namespace NodeJS {
    /** Emitted by SvelteKit's adapter-node. */
    interface Process { on(event: 'sveltekit:shutdown', listener: (reason: string) => void): this }
  }
}
`

/** Packages that the docs name and the repository does not install. */
export const docModules = `
declare module 'stoppable' {
  export default function stoppable<S extends import('node:http').Server>(server: S, grace?: number): S & { stop(callback: () => void): void }
}
declare module 'lightship' {
  export function createLightship(options?: { port?: number; shutdownDelay?: number; gracefulShutdownTimeout?: number }): Promise<{
    signalReady(): void
    registerShutdownHandler(handler: () => Promise<void>): void
  }>
}
declare module 'fastify-graceful-shutdown' {
  const plugin: import('fastify').FastifyPluginCallback<{ timeout?: number }>
  export default plugin
}
declare module '@nestjs/core' {
  export const NestFactory: { create(module: object): Promise<{ enableShutdownHooks(): void; listen(port: number, host: string): Promise<void> }> }
}
declare module '*/app.module.js' { export class AppModule {} }
declare module '@hapi/hapi' {
  interface Server {
    route(route: { method: string; path: string; handler(): unknown }): void
    ext(event: 'onPostStop', method: () => unknown): void
    start(): Promise<void>
    stop(options: { timeout: number }): Promise<void>
  }
  const Hapi: { server(options: { port: string | number; host: string | undefined }): Server }
  export default Hapi
}
declare module 'pino-http' { export function pinoHttp(options: object): import('express').RequestHandler }
declare module 'koa-logger' { export default function koaLogger(): import('koa').Middleware }
declare module 'morgan' { export default function morgan(format: string, options: object): import('express').RequestHandler }
`
