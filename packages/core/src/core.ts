/**
 * The code that `@zerodrop/core` and `@zerodrop/core/register` share. The build bundles it into one file:
 * reading and compiling some 200 files would take most of a server's startup time.
 */
export * from './index.ts'
export { register } from './lifecycle/register.ts'
