import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { KeptProgram } from '../system/found-program.ts'
import {
  type KeeperOrders,
  keeperVariableName,
  keeperVersion,
  type ToKeeper,
} from '../system/keeper-protocol.ts'
import type { Child, KeeperSystem } from '../system/keeper-system.ts'
import type { HeldSockets } from './held-sockets.ts'

export interface LaunchOptions {
  /**
   * Loads zerodrop into an application that does not use it.
   * @default false
   */
  readonly register?: boolean
  /** What the serving generation does if the keeper dies. Undefined for the application's own option. */
  readonly onDeath?: 'drain' | 'serve' | undefined
}

/** Starts generations with the sockets that the keeper holds, and tells each how to reach the keeper. */
export class Launcher {
  readonly #system: KeeperSystem
  readonly #sockets: HeldSockets
  readonly #options: LaunchOptions
  #program: (() => KeptProgram) | undefined

  constructor(system: KeeperSystem, sockets: HeldSockets, options: LaunchOptions) {
    this.#system = system
    this.#sockets = sockets
    this.#options = options
  }

  /** Records the program that `launch` starts from now on. */
  remember(program: KeptProgram): void {
    this.#program = this.#system.finder(program)
  }

  /** False until an adopted generation has started another one: the keeper cannot know its program. */
  get hasProgram(): boolean {
    return this.#program !== undefined
  }

  /**
   * Starts the recorded program without a predecessor, with all sockets.
   *
   * Rejects with `ERR_ZERODROP_SPAWN_FAILED` if it cannot be started.
   * @param tells whether the generation tells the keeper what it prints to stderr until it serves
   */
  async launch(generation: number, tells: boolean): Promise<Child> {
    if (this.#program === undefined) throw new Error('the keeper has no program to start')
    const { file, args, cwd, env } = this.#program()
    // The application may rely on these descriptor numbers.
    const activated = Array.from({ length: this.#system.activated }, (_, index) => 3 + index)
    const behind = 3 + activated.length
    const sockets = this.#sockets.all
    const variables = this.#tell(activated.length === 0 ? env : { ...env, ...this.#activation }, {
      channel: behind + sockets.length,
      generation,
      listeners: sockets.map(({ bound, requested }, index) => ({ bound, requested, fd: behind + index })),
      ...(tells && { tells }),
    })
    const descriptors = [...activated, ...sockets.map(({ descriptor }) => descriptor)]
    try {
      return await this.#system.spawn({ file, args, cwd, env: variables }, descriptors, false)
    } catch (cause) {
      throw new ZerodropError(
        'ERR_ZERODROP_SPAWN_FAILED',
        `The application could not be started: ${(cause as Error).message}. Check that ${file} and the directory ${cwd} exist and may be used.`,
        { cause },
      )
    }
  }

  /**
   * Starts a successor, with the sockets that its predecessor names and a stream to the predecessor.
   *
   * Rejects if the keeper does not hold one of the sockets, and with Node's words if the program cannot be
   * started.
   */
  async launchSuccessor(
    { file, args, cwd, env, listeners }: ToKeeper & { type: 'start' },
    generation: number,
  ): Promise<Child> {
    const descriptors = listeners.map((address) => this.#sockets.descriptorOf(address))
    const variables = this.#tell(env, { channel: 4 + descriptors.length, generation, listeners: [] })
    return this.#system.spawn({ file, args, cwd, env: variables }, descriptors, true)
  }

  /** A successor learns about these descriptors from its predecessor; without a predecessor it needs the variables. */
  get #activation(): NodeJS.ProcessEnv {
    const names = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const
    return Object.fromEntries(names.map((name) => [name, this.#system.env[name]]))
  }

  /** The environment of a generation, with the variable for this keeper. */
  #tell(
    env: Readonly<NodeJS.ProcessEnv>,
    own: Pick<KeeperOrders, 'channel' | 'generation' | 'listeners' | 'tells'>,
  ): NodeJS.ProcessEnv {
    const { onDeath, register } = this.#options
    const orders: KeeperOrders = {
      version: keeperVersion,
      pid: this.#system.pid,
      ...own,
      ...(register === true && { register }),
      ...(onDeath !== undefined && { onDeath }),
    }
    return { ...env, [keeperVariableName]: JSON.stringify(orders) }
  }
}
