/**
 * The program of a process that becomes the keeper of its successor and keeps its pid.
 */
import { heardEarly } from '../system/early-signals.ts'
import { adoptedGeneration } from '../system/adopted-child.ts'
import { type Control, openControl } from '../system/control-socket.ts'
import { keeperSystem } from '../system/keeper-system.ts'
import { Keeper } from './keeper.ts'

const adopted = adoptedGeneration()
if (adopted !== undefined) {
  let control: Control | undefined
  const system = keeperSystem(() => control?.close(), heardEarly)
  const keeper = new Keeper(system, undefined, { respawn: false, maxCrashes: 1 })
  keeper.adopt(adopted.child, adopted.generation)
  openControl().then(
    (opened) => {
      control = opened
      opened.serve(keeper)
    },
    ({ message }: Error) =>
      system.writeError(`zerodrop: "zerodrop restart" and the like cannot ask this keeper: ${message}`),
  )
}
