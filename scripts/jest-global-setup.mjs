import { build } from './build.mjs'

/** The processes that tests start import the built packages. */
export default function setup() {
  if (process.env.ZERODROP_SKIP_BUILD !== '1') build()
}
