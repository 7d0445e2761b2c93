import { realSystem } from '../system/real-system.ts'
import { Lifecycle } from './lifecycle.ts'

const key = Symbol.for('zerodrop.lifecycle.v1')

/**
 * The lifecycle of this process. Kept on `globalThis`, because two copies of the package can be in one tree and signal
 * handlers and inherited descriptors exist once.
 */
export const lifecycle: Lifecycle = processLifecycle()

function processLifecycle(): Lifecycle {
  const registry = globalThis as { [key]?: Lifecycle }
  registry[key] ??= new Lifecycle(realSystem())
  return registry[key]
}
