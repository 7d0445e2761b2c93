import { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { constants } from 'node:os'
import { shadow } from './shadow.ts'
import { signalGates } from './signal-gates.ts'
import { signalsOfNode } from './signals-of-node.ts'
import type { Release, SignalSystem } from './system.ts'

/** The signals of the current process. It does nothing until it is used. */
export function realSignals(): SignalSystem {
  return {
    pid: process.pid,
    onSignal(signal, listener) {
      // zerodrop's handler runs first: another library's may end the process, and by then zerodrop has to
      // know which requests that cuts.
      process.prependListener(signal, listener)
      return () => process.off(signal, listener)
    },
    watchSignal: (signal, listener, holds) => signalGates().watch(signal, listener, holds),
    unheard: (signal) => signalGates().unheard(signal),
    hasSignalListener: (signal) => process.listenerCount(signal) > 0,
    isSignalIgnored,
    signalsOfNode,
    kill: (pid, signal) => process.kill(pid, signal),
    onOwnKill,
    setImmediate(callback) {
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    },
  }
}

/** Watches `process.kill()`, because Node does not expose the sender of a signal (the kernel's `si_pid`). */
function onOwnKill(listener: (signal: NodeJS.Signals) => void): Release {
  const release = shadow(process, 'kill', (kill) => (pid, signal = 'SIGTERM') => {
    const name = typeof signal === 'number' ? nameOf(signal) : (signal as NodeJS.Signals)
    const sent = Reflect.apply(kill, process, [pid, signal])
    // 0, and the negative number of the process that leads it, are the process group. Node takes strings as well.
    if ([process.pid, 0, -process.pid].includes(Number(pid)) && name !== undefined) listener(name)
    return sent
  })
  syncBuiltinESMExports()
  return () => {
    release()
    syncBuiltinESMExports()
  }
}

function nameOf(number: number): NodeJS.Signals | undefined {
  const found = Object.entries(constants.signals).find(([, value]) => value === number)
  return found?.[0] as NodeJS.Signals | undefined
}

/** Reads this from the kernel, on Linux. */
function isSignalIgnored(signal: NodeJS.Signals): boolean {
  let status: string
  try {
    status = readFileSync('/proc/self/status', 'latin1')
  } catch {
    return false
  }
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n
}
