/**
 * What only the benchmarks need: the process managers that they compare with, and the library that draws their plots. A package
 * of its own, installed when it is first used: nobody who works on zerodrop has to install pm2.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const tools = fileURLToPath(new URL('../tools', import.meta.url))

export function installTools() {
  if (existsSync(path.join(tools, 'node_modules/vega'))) return
  const npm = process.env.npm_execpath
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const [command, all] = npm === undefined ? ['npm', args] : [process.execPath, [npm, ...args]]
  const { status } = spawnSync(command, all, { cwd: tools, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('The tools of the benchmarks could not be installed')
}

/** Imports a package of the tools. */
export function importTool(name) {
  const { resolve } = createRequire(path.join(tools, 'package.json'))
  return import(pathToFileURL(resolve(name)).href)
}

/** The file behind a command of a package of the tools. */
export function toolBin(name, file) {
  return path.join(tools, 'node_modules', name, file)
}

export function toolVersion(name) {
  return JSON.parse(readFileSync(path.join(tools, 'node_modules', name, 'package.json'), 'utf8')).version
}
