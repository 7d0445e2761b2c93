export * from '@zerodrop/core'
export { draining, graceful, type GracefulOptions } from './index.ts'
