import { realSystem } from '../system/real-system.ts'
import { Adapter } from './adapter.ts'
import { Lifecycle } from './lifecycle.ts'
import { wire } from './wiring.ts'

const lifecycleKey = Symbol.for('zerodrop.lifecycle.v1')
const adapterKey = Symbol.for('zerodrop.adapter.v1')

/** Kept on `globalThis`: two copies of the package can be in one tree, and there is one of each for the process. */
const registry = globalThis as { [lifecycleKey]?: Lifecycle; [adapterKey]?: Adapter }
if (registry[lifecycleKey] === undefined || registry[adapterKey] === undefined) {
  const parts = wire(realSystem())
  registry[lifecycleKey] = new Lifecycle(parts)
  registry[adapterKey] = new Adapter(parts, registry[lifecycleKey])
}

/** The lifecycle of this process. */
export const lifecycle: Lifecycle = registry[lifecycleKey]

/** What the adapter of a framework needs of the lifecycle of this process, beyond what an application does. */
export const adapter: Adapter = registry[adapterKey]
