/** `npm run soak` */
import { runBuilt } from './run-built.mjs'

await runBuilt('soak.js')
