export * from '@zerodrop/core'
export { graceful, type GracefulOptions } from './index.ts'
