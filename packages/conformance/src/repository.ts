import { fileURLToPath } from 'node:url'

/** The root of the clone: this file is built into packages/conformance/dist. */
export const repository: string = fileURLToPath(new URL('../../..', import.meta.url))
