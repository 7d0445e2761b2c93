import type { LifecycleOptions } from './options.ts'

/**
 * The default options for a framework that runs with the preload only. All other sources of options override
 * them.
 *
 * Next.js listens before it has loaded its request handler, and lets requests wait until then: a process
 * that has answered one of its own requests has loaded it. `next start` and the server of a standalone build
 * give the process its title before they listen:
 * https://github.com/vercel/next.js/blob/v16.0.0/packages/next/src/server/lib/start-server.ts (startServer).
 * There is no `readyCheck`, because an application may have no page at "/", or a failing one.
 * @param title the title of the process
 */
export function knownOptions(title: string): LifecycleOptions {
  return title.startsWith('next-server ') ? { warmUp: 1 } : {}
}
