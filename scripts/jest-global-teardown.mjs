import { rmSync } from 'node:fs'

export default function teardown() {
  rmSync(process.env.XDG_RUNTIME_DIR, { recursive: true, force: true })
}
