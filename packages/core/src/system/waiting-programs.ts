import path from 'node:path'

/** A program that, according to its command line, waits for the pid of its child. */
export type WaitingProgram = 'reaper' | 'package manager' | 'shell'

const shells = new Set(['sh', 'dash', 'bash', 'ash', 'ksh', 'zsh', 'busybox'])

/** Programs that run as process 1 instead of a container's command, and end with it. */
const reapers = new Set(['tini', 'tini-static', 'docker-init', 'dumb-init', 'catatonit'])

/** npm's title is its command line. */
const packageManager = /^(npm|pnpm|pn|yarn|yarnpkg|corepack)(-cli)?(-\d[\w.-]*)?(\.[cm]?js)?( .*)?$/

/** Programs that do more than run a package's scripts, with the arguments that make them run scripts. */
const runners: Readonly<Record<string, RegExp>> = {
  node: /^--run(=|$)/,
  bun: /^(run|start)$/,
  deno: /^task$/,
}

/** Classifies a command line; undefined if it does not show that the program waits. */
export function waitingProgram(words: readonly string[]): WaitingProgram | undefined {
  const [program = '', ...others] = words
  const name = path.basename(program).replace(/^-/, '')
  if (reapers.has(name)) return 'reaper'
  if (isPackageManager(name, words)) return 'package manager'
  return shells.has(name) && isScripted(others) ? 'shell' : undefined
}

function isPackageManager(name: string, words: readonly string[]): boolean {
  if (words.slice(0, 2).some((word) => packageManager.test(path.basename(word)))) return true
  const runs = runners[name.replace(/\d+$/, '')]
  if (runs === undefined) return false
  // Options come before the subcommand, and a script's arguments after the script.
  const script = words.findIndex((word, index) => index > 0 && !word.startsWith('-') && !runs.test(word))
  return words.slice(1, script < 0 ? undefined : script).some((word) => runs.test(word))
}

/** A shell that runs a given command. An interactive shell continues by itself. */
function isScripted(words: readonly string[]): boolean {
  return words.some((word) => !word.startsWith('-') || /^-[a-z]*c$/.test(word))
}
