import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

export const bin: string = path.join(__dirname, '../../dist/bin.cjs')

/** Runs `zerodrop` to its end. */
export async function command(
  ...args: string[]
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, ...said }
}
