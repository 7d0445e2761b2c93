import { realSystem } from '../system/real-system.ts'
import { Adapter } from './adapter.ts'
import { Lifecycle } from './lifecycle.ts'
import { wire } from './wiring.ts'

const lifecycleKey = Symbol.for('zerodrop.lifecycle.v1')
const adapterKey = Symbol.for('zerodrop.adapter.v1')

/** Kept on `globalThis`: several copies of the package in one process share one instance. */
const registry = globalThis as { [lifecycleKey]?: Lifecycle; [adapterKey]?: Adapter }
if (registry[lifecycleKey] === undefined || registry[adapterKey] === undefined) {
  const parts = wire(realSystem())
  registry[lifecycleKey] = new Lifecycle(parts)
  registry[adapterKey] = new Adapter(parts, registry[lifecycleKey])
}

/** The lifecycle of this process. */
export const lifecycle: Lifecycle = registry[lifecycleKey]

/** The members of this process's lifecycle that only framework adapters need. */
export const adapter: Adapter = registry[adapterKey]
