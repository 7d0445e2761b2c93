/**
 * The program of a process that becomes the keeper of its successor, under the pid that it has had from its start.
 */
import { heardEarly } from '../system/early-signals.ts'
import { adoptedGeneration } from '../system/adopted-child.ts'
import { keeperSystem } from '../system/keeper-system.ts'
import { Keeper } from './keeper.ts'

const adopted = adoptedGeneration()
if (adopted !== undefined) {
  const keeper = new Keeper(
    keeperSystem(() => {}, heardEarly),
    undefined,
    { respawn: false, maxCrashes: 1 },
  )
  keeper.adopt(adopted.child, adopted.generation)
}
