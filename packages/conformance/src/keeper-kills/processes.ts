import { readdirSync, readFileSync } from 'node:fs'

/** Whether a process is a keeper, of either kind. */
export function isKeeper(pid: number): boolean {
  try {
    return /keeper\/adopt\.js|cli\/dist\/main\.js/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return false
  }
}

/** How many children of a process have exited without being reaped. */
export function zombiesBelow(parent: number): number {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const [state, pid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return state === 'Z' && Number(pid) === parent
    } catch {
      return false
    }
  }).length
}
