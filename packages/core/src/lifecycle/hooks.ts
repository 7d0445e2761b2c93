import type { Server } from 'node:net'

/** What an application does at the end of a server, before the process exits. */
export interface ServerHook {
  /** How the hook is called in a report. */
  readonly name: string
  readonly hook: () => unknown
}

/** What belongs to one server, and goes with it: an application that is thrown away leaves nothing behind. */
export class ServerHooks {
  readonly #hooks = new WeakMap<Server, ServerHook>()

  set(server: Server, hook: ServerHook): void {
    this.#hooks.set(server, hook)
  }

  get(server: Server): ServerHook | undefined {
    return this.#hooks.get(server)
  }
}
