/**
 * What `@zerodrop/core` and `@zerodrop/core/register` share. The build makes one file of it: reading and compiling some 200
 * would take most of the time of a server's start.
 */
export * from './index.ts'
export { register } from './lifecycle/register.ts'
