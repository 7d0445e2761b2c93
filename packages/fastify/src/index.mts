export * from '@zerodrop/core'
// Not the `default` of index.ts: for a CommonJS module, that is the whole `module.exports`.
export { gracefulPlugin, gracefulPlugin as default, type GracefulOptions } from './index.ts'
