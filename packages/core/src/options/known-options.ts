import type { LifecycleOptions } from './options.ts'

/**
 * The options that a framework needs which runs without a line of zerodrop: they hold where nobody says anything else.
 *
 * Next listens before it has loaded what answers, and lets requests wait until then: a process that has answered one of its
 * own has loaded it. `next start` and the server of a standalone build give the process its title before they listen:
 * https://github.com/vercel/next.js/blob/v16.0.0/packages/next/src/server/lib/start-server.ts (startServer). No
 * `readyCheck`, because an application may have no page at "/", or one that fails.
 * @param title of the process
 */
export function knownOptions(title: string): LifecycleOptions {
  return title.startsWith('next-server ') ? { warmUp: 1 } : {}
}
