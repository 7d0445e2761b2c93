import 'reflect-metadata'
import { Ignitor } from '@adonisjs/core'

const root = new URL('./', import.meta.url)
const importer = (file) => import(file.startsWith('.') ? new URL(file, root).href : file)

/** What bin/server.ts of a new application does. */
await new Ignitor(root, { importer })
  .tap((app) => {
    app.listen('SIGTERM', () => app.terminate())
    app.terminating(() => globalThis.batteryCleanUp())
  })
  .httpServer()
  .start()
