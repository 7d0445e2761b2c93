/** A running application: its processes, the signals that they get, and what they print. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { RawClient } from '@zerodrop/traffic'

const preload = path.join(path.dirname(fileURLToPath(import.meta.url)), 'preload.cjs')

/** An application on one port, with every process that comes from it. */
export class Deployment {
  /** For each process that has cleaned up: how often, and whether too early. */
  cleanUps = new Map()
  output = ''

  constructor(application, port, zerodrop) {
    this.application = application
    this.port = port
    this.zerodrop = zerodrop
    this.broken = path.join(application.folder, `.broken-${port}`)
    /** The directory for the application's own files while it runs. */
    this.home = path.join(application.folder, `.home-${port}`)
  }

  async start() {
    const { directory, settings } = this.application
    const flags = ['--require', preload]
    if (this.zerodrop) flags.push(...(settings.preload ?? ['--import', '@zerodrop/core/register']))
    const env = {
      ...process.env,
      NODE_ENV: 'production',
      BATTERY_BROKEN: this.broken,
      PORT: String(this.port),
    }
    const own = Object.entries(settings.env ?? {}).map(([name, value]) => [
      name,
      value.replace('$FOLDER', this.home),
    ])
    Object.assign(env, Object.fromEntries(own), { HOST: '127.0.0.1', HOSTNAME: '127.0.0.1' })
    const words = (settings.command ?? settings.start).map((word) =>
      word.replace('$PORT', String(this.port)).replace('$NODE', process.execPath),
    )
    // A program that starts Node itself gets the flags by the environment, or reads them from a file.
    env.BATTERY_FLAGS = flags.join(' ')
    if (settings.command === undefined) words.unshift(process.execPath, ...flags)
    else if (settings.ownFlags !== true) env.NODE_OPTIONS = env.BATTERY_FLAGS
    const [file, ...args] = words
    const child = spawn(file, args, {
      cwd: directory,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.pid = child.pid
    this.over = false
    this.exited = once(child, 'exit').then(([code, signal]) => {
      this.over = true
      return { code, signal }
    })
    this.closed = once(child, 'close')
    let pending = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      pending += text
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
        this.#hear(pending.slice(0, end))
        pending = pending.slice(end + 1)
      }
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.output += text
    })
    await this.#answers()
  }

  /** Signals the newest process, or the first one if operators signal that. */
  signal(signal) {
    const { toFirst = [] } = this.application.settings
    process.kill(toFirst.includes(signal) ? this.family[0] : this.newest, signal)
  }

  /** The pid of the process that was started last, of those that are alive. */
  get newest() {
    const family = alive(this.broken)
    return family.at(-1) ?? this.pid
  }

  get family() {
    return alive(this.broken)
  }

  /** Resolves with whether the condition became true in time. */
  async until(condition, milliseconds = 30_000) {
    const deadline = performance.now() + milliseconds
    while (performance.now() < deadline) {
      if (condition()) return true
      await delay(20)
    }
    return false
  }

  kill() {
    this.killAll()
    rmSync(this.broken, { force: true })
    rmSync(this.home, { recursive: true, force: true })
  }

  killAll() {
    for (const pid of this.family) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone by itself.
      }
    }
  }

  #hear(line) {
    if (!line.startsWith('{"battery":')) {
      this.output += `${line}\n`
      return
    }
    const { battery, pid } = JSON.parse(line)
    const { times, early } = this.cleanUps.get(pid) ?? { times: 0, early: false }
    this.cleanUps.set(pid, {
      times: battery === 'cleaned' ? times + 1 : times,
      early: early || battery === 'early',
    })
  }

  async #answers() {
    const deadline = performance.now() + 60_000
    while (performance.now() < deadline && !this.over) {
      try {
        const client = await RawClient.connect({ port: this.port })
        const { status } = await client.request({ path: this.application.settings.quick ?? '/' })
        client.destroy()
        if (status === 200) return
        throw new Error(`it answers ${status}`)
      } catch (error) {
        this.lastError = error
        await delay(50)
      }
    }
    throw new Error(
      `${this.application.name} does not answer: ${String(this.lastError)}\n${this.output.slice(-3000)}`,
    )
  }
}

/** The pids of the Node processes with this marker in their environment, in the order in which they started. */
function alive(marker) {
  const found = []
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`BATTERY_BROKEN=${marker}\0`)) continue
      // Not esbuild's service, which tsx starts.
      if (path.basename(readlinkSync(`/proc/${pid}/exe`)) !== path.basename(process.execPath)) continue
      const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ')
      if (state !== 'Z') found.push({ pid: Number(pid), started: Number(fields[18]) })
    } catch {
      // Gone while we looked, or not ours.
    }
  }
  return found.sort((one, other) => one.started - other.started || one.pid - other.pid).map(({ pid }) => pid)
}
