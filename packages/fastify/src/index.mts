export * from '@zerodrop/core'
export { default, gracefulPlugin, type GracefulOptions } from './index.ts'
