/** The process managers. Each has a home in a folder of its own, and is ended by its own command. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { keepTrack, serverCore } from '../lib/server-process.mjs'
import { toolBin, tools } from '../lib/tools.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))

export async function pm2({ port, folder, undo }) {
  const env = { ...process.env, PM2_HOME: path.join(folder, 'pm2'), PORT: String(port) }
  const command = async (...args) => run(toolBin('pm2', 'bin/pm2'), args, env)
  const settings = {
    name: 'app',
    script: path.join(here, 'pm2.mjs'),
    exec_mode: 'cluster',
    instances: 2,
    wait_ready: true,
    listen_timeout: 10_000,
    kill_timeout: 3000,
    vizion: false,
  }
  const ecosystem = path.join(folder, 'ecosystem.config.cjs')
  writeFileSync(ecosystem, `module.exports = ${JSON.stringify({ apps: [settings] })}`)
  const killNow = () => spawnSync(process.execPath, [toolBin('pm2', 'bin/pm2'), 'kill'], { env })
  // Its daemon outlives who started it.
  process.once('exit', killNow)
  undo.add(async () => {
    await command('kill')
    process.off('exit', killNow)
  })
  await command('start', ecosystem)
  return () => command('reload', 'app')
}

export async function watt({ port, folder, undo }) {
  const root = path.join(folder, 'watt')
  mkdirSync(root)
  symlinkSync(path.join(tools, 'node_modules'), path.join(root, 'node_modules'))
  for (const file of ['watt.mjs', 'application.mjs'])
    copyFileSync(path.join(here, file), path.join(root, file))
  writeFileSync(
    path.join(root, 'package.json'),
    JSON.stringify({ name: 'app', type: 'module', main: 'watt.mjs' }),
  )
  const server = { hostname: '127.0.0.1', port }
  writeFileSync(
    path.join(root, 'watt.json'),
    JSON.stringify({
      $schema: 'https://schemas.platformatic.dev/@platformatic/node/3.65.0.json',
      runtime: { server, workers: 2, managementApi: true, logger: { level: 'error' } },
    }),
  )
  // Its sockets are in the folder for temporary files.
  const env = { ...process.env, TMPDIR: folder, PORT: String(port), NODE_ENV: 'production' }
  const bin = toolBin('wattpm', 'bin/cli.js')
  const child = spawn('taskset', ['-c', serverCore, process.execPath, bin, 'start'], {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  keepTrack(child)
  undo.add(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  })
  return () => run(bin, ['restart', String(child.pid)], env)
}

/** Runs a Node program, and rejects with its output if it fails. */
async function run(script, args, env) {
  const child = spawn('taskset', ['-c', serverCore, process.execPath, script, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      said += text
    })
  // Not 'close': pm2's daemon inherits the pipes.
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${path.basename(script)} ${args.join(' ')} failed:\n${said}`)
}
