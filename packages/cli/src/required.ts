/**
 * The packages that are CommonJS. Node 20 and 22 compile WebAssembly when an `import` finds such a package, which makes a
 * keeper 6 MiB larger for as long as it runs. `require` does not.
 * https://github.com/nodejs/node/blob/v22.12.0/lib/internal/modules/esm/translators.js (initCJSParse)
 */
import { createRequire } from 'node:module'
import type * as keeper from '@zerodrop/core/keeper'
import type * as commander from 'commander'

const require = createRequire(import.meta.url)

export const { Command, InvalidArgumentError, Option } = require('commander') as typeof commander
export const { askPath, controlPath, namedSocket, openControl, runKeeper, thisProcess, writeError } =
  require('@zerodrop/core/keeper') as typeof keeper
