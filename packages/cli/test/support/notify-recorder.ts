import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** A program in the place of `systemd-notify` that writes down what it is given. */
export interface NotifyRecorder {
  /** Lets a service use it. */
  readonly env: Record<string, string>
  /** What has arrived, one object for each notice. */
  readonly notices: () => Record<string, string>[]
  readonly remove: () => void
}

export function recordNotices(exitStatus = 0): NotifyRecorder {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-notify-'))
  const file = path.join(folder, 'notices')
  const program = path.join(folder, 'systemd-notify')
  writeFileSync(file, '')
  // One write for each notice, so that those of two processes do not mix.
  const script = [
    '#!/bin/sh',
    `line=$(printf '%s\\t' "$@")`,
    `printf '%s\\n' "$line" >>'${file}'`,
    `exit ${exitStatus}`,
  ]
  writeFileSync(program, `${script.join('\n')}\n`)
  chmodSync(program, 0o755)
  return {
    env: { NOTIFY_SOCKET: '/nowhere', PATH: `${folder}:${process.env['PATH'] ?? ''}` },
    notices: () =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) =>
          Object.fromEntries(
            line
              .split('\t')
              .filter((field) => field !== '')
              .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
          ),
        ),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
