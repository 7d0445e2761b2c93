import { readFileSync } from 'node:fs'
import { inheritVariableName } from './boot.ts'
import { adoptVariableName, comingVariableName, keeperVariableName } from './keeper-protocol.ts'
import { nowhereVariableName } from './parent-channel.ts'
import { withoutPreload } from './preloading.ts'

/** Variables that Node or the parent set for this process only, so not for a successor. */
const ownVariables = [
  inheritVariableName,
  keeperVariableName,
  comingVariableName,
  adoptVariableName,
  nowhereVariableName,
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  // https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Environment%20Variables%20Set%20or%20Propagated%20by%20the%20Service%20Manager
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'SYSTEMD_EXEC_PID',
  'WATCHDOG_PID',
]

/** An environment without the variables for this process only. */
export function forSuccessor(env: Readonly<NodeJS.ProcessEnv>): NodeJS.ProcessEnv {
  const kept = { ...env }
  for (const name of ownVariables) delete kept[name]
  return kept
}

/**
 * The variables with which this process was started, without later changes: Node adds the content of an
 * `--env-file`, and an existing variable overrides the file, so a successor would never see new content of
 * the file.
 * @param preload the file that a predecessor has added to `NODE_OPTIONS`
 */
export function startEnvironment(preload: string | undefined): NodeJS.ProcessEnv {
  return withoutPreload(forSuccessor(initialEnvironment() ?? process.env), preload)
}

/** Linux keeps these variables, but hides them from a process that has changed its user. */
function initialEnvironment(): NodeJS.ProcessEnv | undefined {
  try {
    const entries = readFileSync('/proc/self/environ', 'utf8').split('\0').slice(0, -1)
    return Object.fromEntries(
      entries.map((entry) => {
        const end = entry.indexOf('=', 1)
        return [entry.slice(0, end), entry.slice(end + 1)]
      }),
    )
  } catch {
    return undefined
  }
}
