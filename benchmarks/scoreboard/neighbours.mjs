/** nginx and HAProxy, as far as `zerodrop verify` needs them: a route that answers at once. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { freePort, haproxyConfiguration, nginxCommand } from '@zerodrop/traffic'

/** @type {Record<string, (folder: string, port: number) => { command: string[], restart?: string }>} */
const programs = {
  nginx: (folder, port) => ({
    command: nginxCommand(folder, { port, server: ['location / { return 200 hello; }'] }),
  }),
  haproxy(folder, port) {
    const file = haproxyConfiguration(folder, {
      port,
      // Of several threads, one takes the signal while the others go on: the verdict would be a matter of chance.
      global: ['nbthread 1'],
      timeout: '5s',
      frontend: ['http-request return status 200 content-type text/plain string hello'],
    })
    return {
      command: ['haproxy', '-db', '-f', file],
      // The master of `haproxy -W` loses a SIGUSR2 that comes soon after the last one (2.6.12).
      restart: `haproxy -D -f ${file} -sf $ZERODROP_VERIFY_PID`,
    }
  },
}

/**
 * Writes the configuration of a program into a folder of its own.
 * @param {string} name
 * @returns {Promise<{ command: string[], restart?: string, remove: () => void }>}
 */
export async function configure(name) {
  const folder = mkdtempSync(path.join(os.tmpdir(), `zerodrop-${name}-`))
  const program = programs[name](folder, await freePort())
  return { ...program, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
