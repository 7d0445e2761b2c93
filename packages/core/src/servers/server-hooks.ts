import type { Server } from 'node:net'
import { type Hook, hookTimeout } from './run-hook.ts'

/** What belongs to one server, and goes with it: an application that is thrown away leaves nothing behind. */
export class ServerHooks {
  readonly #hooks = new WeakMap<Server, Hook>()

  set(server: Server, name: string, hook: () => unknown): void {
    this.#hooks.set(server, { name: `hook "${name}" of a server`, hook, timeout: hookTimeout })
  }

  get(server: Server): Hook | undefined {
    return this.#hooks.get(server)
  }
}
