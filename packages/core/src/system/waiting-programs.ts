import path from 'node:path'

/** A program that waits for the pid of what it has started, as its command line shows. */
export type WaitingProgram = 'reaper' | 'package manager' | 'shell'

const shells = new Set(['sh', 'dash', 'bash', 'ash', 'ksh', 'zsh', 'busybox'])

/** Programs that are process 1 in the place of a container's command, and end with it. */
const reapers = new Set(['tini', 'tini-static', 'docker-init', 'dumb-init', 'catatonit'])

/** npm's title is its command line. */
const packageManager = /^(npm|pnpm|pn|yarn|yarnpkg|corepack)(-cli)?(-\d[\w.-]*)?(\.[cm]?js)?( .*)?$/

/** Programs that run more than the scripts of a package, with the words by which they do. */
const runners: Readonly<Record<string, RegExp>> = {
  node: /^--run(=|$)/,
  bun: /^(run|start)$/,
  deno: /^task$/,
}

/** What a command line is; undefined if nothing shows that it waits. */
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
  // Options come before the word that says what to do, and a script's own arguments behind the script.
  const script = words.findIndex((word, index) => index > 0 && !word.startsWith('-') && !runs.test(word))
  return words.slice(1, script < 0 ? undefined : script).some((word) => runs.test(word))
}

/** A shell that was given what to run. One at which a person types goes on by itself. */
function isScripted(words: readonly string[]): boolean {
  return words.some((word) => !word.startsWith('-') || /^-[a-z]*c$/.test(word))
}
