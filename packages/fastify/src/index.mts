export * from '@zerodrop/core'
// Not `default`: of a CommonJS module that is all it exports.
export { gracefulPlugin, gracefulPlugin as default, type GracefulOptions } from './index.ts'
