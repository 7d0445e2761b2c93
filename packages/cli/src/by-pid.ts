import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Controlled, Said } from '@zerodrop/core/keeper'
import { Failure } from './fail.ts'
import { hasEnded, isRunning, statusOf } from './proc.ts'
import { askPath } from './required.ts'

/** How long a server may take to notice the signal, in milliseconds. */
const noticeTimeout = 10_000

/** How long a process may take to become a keeper once its restart is over, in milliseconds. */
export const keeperTimeout = 5000

const interval = 50

/**
 * Restarts a server that has no keeper: sends SIGHUP, and waits for the outcome that the server writes to a file in the folder
 * of control sockets.
 * @param isKept whether the process has become a keeper
 */
export async function restartByPid(
  target: Controlled,
  timeout: number,
  isKept: () => Promise<boolean>,
): Promise<unknown> {
  const { pid } = target
  const begun = performance.now()
  mustHandle(pid, 'SIGHUP')
  // Throws for a process of another user, before a file is created for it.
  signal(pid, 0)
  const file = prepare(target)
  try {
    signal(pid, 'SIGHUP')
    for (;;) {
      // Checked before the file is read, because a process may write its outcome just before it ends.
      const isOver = !isRunning(pid)
      const said = read(file)
      const outcome = said.find((each) => !('seen' in each))
      if (outcome !== undefined) {
        const result = resultOf(outcome)
        await settle(pid, isKept)
        return result
      }
      if (isOver)
        throw new Failure(`Process ${pid} ended without saying how the restart went. Look at its log.`)
      const waited = performance.now() - begun
      if (said.length === 0 && waited > Math.min(noticeTimeout, timeout))
        throw new Failure(
          `Process ${pid} got SIGHUP and says nothing. It does not use zerodrop, has an older version of it, or does something else at SIGHUP: look at its log.`,
        )
      if (waited > timeout) throw new Failure(`The server has not answered within ${timeout} ms.`)
      await delay(interval)
    }
  } finally {
    rmSync(file, { force: true })
  }
}

/** Stops a server that has no keeper, and waits until its process has ended. */
export async function stopByPid(target: Controlled, timeout: number): Promise<void> {
  const { pid } = target
  const deadline = performance.now() + timeout
  mustHandle(pid, 'SIGTERM')
  signal(pid, 'SIGTERM')
  while (isRunning(pid)) {
    if (performance.now() >= deadline) throw new Failure(`The server has not ended within ${timeout} ms.`)
    await delay(interval)
  }
}

function mustRun(pid: number): string {
  const status = statusOf(pid)
  if (status !== undefined && !hasEnded(status)) return status
  throw new Failure(`There is no process ${pid}.`, { code: 'ESRCH' })
}

/** Throws if the process does not handle the signal: the signal would end it, and process 1 would ignore the signal. */
function mustHandle(pid: number, name: 'SIGHUP' | 'SIGTERM'): void {
  const caught = BigInt(`0x${/^SigCgt:\s*([\da-f]+)/m.exec(mustRun(pid))?.[1] ?? '0'}`)
  if (((caught >> BigInt(constants.signals[name] - 1)) & 1n) === 0n)
    throw new Failure(
      `Process ${pid} does not handle ${name}, ${pid === 1 ? 'which process 1 then ignores' : 'which would end it at once'}: it does not use zerodrop, or does not listen yet.`,
    )
}

function prepare(target: Controlled): string {
  const file = askPath(target)
  const folder = path.dirname(file)
  // The folder comes from the environment of the process: root must not write to a path that another user chose.
  if (target.uid !== process.getuid?.())
    throw new Failure(
      `Process ${target.pid} has no keeper and belongs to user ${target.uid}. Run the command as that user.`,
    )
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const other = askerIn(file)
    if (other !== undefined)
      throw new Failure(`Process ${other} waits for a restart of process ${target.pid} already.`)
    rmSync(file, { force: true })
    writeFileSync(file, `${JSON.stringify({ asker: process.pid })}\n`, { flag: 'wx', mode: 0o600 })
    return file
  } catch (error) {
    if (error instanceof Failure) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new Failure(`The file in which process ${target.pid} answers cannot be made: ${message}.`, { code })
  }
}

/** The pid of another `zerodrop restart` that still waits for this file, if any. */
function askerIn(file: string): number | undefined {
  try {
    const { asker } = JSON.parse(readFileSync(file, 'utf8').split('\n')[0] ?? '') as { asker?: unknown }
    return typeof asker === 'number' && isRunning(asker) ? asker : undefined
  } catch {
    return undefined
  }
}

/** Reads the complete lines. The server may still be writing the last line. */
function read(file: string): Said[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(1, -1)
    .map((line) => JSON.parse(line) as Said)
}

function resultOf(outcome: Said): unknown {
  if ('result' in outcome) return outcome.result
  const { code, message, stderr } = ('error' in outcome ? outcome.error : { message: '' }) as {
    code?: string
    message: string
    stderr?: string
  }
  throw new Failure(message, { code, stderr })
}

/** Waits until the process has ended or become a keeper, so that the next command finds the server. */
async function settle(pid: number, isKept: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + keeperTimeout
  while (performance.now() < deadline && isRunning(pid) && !(await isKept())) await delay(interval)
}

function signal(pid: number, name: NodeJS.Signals | 0): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EPERM')
      throw new Failure(`Process ${pid} belongs to another user. Run the command as that user.`, { code })
    throw new Failure(`There is no process ${pid}.`, { code })
  }
}
