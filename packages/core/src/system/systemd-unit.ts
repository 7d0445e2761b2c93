import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** How long systemd may take to describe a unit, in milliseconds. */
const systemctlTimeout = 5000

/**
 * A property of the unit that this process belongs to, as `systemctl show` prints it. Undefined if it is not
 * available.
 */
export function unitProperty(name: string): Promise<string | undefined> {
  const unit = ownUnit()
  if (unit === undefined) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const args = ['show', '--property', name, '--value', unit]
    try {
      // It does not keep a process alive that has nothing else to do.
      execFile('systemctl', args, { timeout: systemctlTimeout }, (error, stdout) => {
        const value = stdout.trim()
        resolve(error !== null || value === '' ? undefined : value)
      }).unref()
    } catch {
      // Node's permission model refuses it, for example.
      resolve(undefined)
    }
  })
}

/** systemd names the control group of this process after its unit. */
function ownUnit(): string | undefined {
  try {
    const groups = readFileSync('/proc/self/cgroup', 'utf8').split('\n')
    return groups.map((group) => path.basename(group)).find((name) => name.endsWith('.service'))
  } catch {
    return undefined
  }
}
