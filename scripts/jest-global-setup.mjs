import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from './build.mjs'

/** The processes that tests start import the built packages. Keepers that tests kill leave their control sockets behind. */
export default function setup() {
  process.env.XDG_RUNTIME_DIR = mkdtempSync(join(tmpdir(), 'zerodrop-run-'))
  // Node reads that file in a thread, at any time: a test that counts descriptors would see it.
  delete process.env.NODE_EXTRA_CA_CERTS
  if (process.env.ZERODROP_SKIP_BUILD !== '1') build()
}
