export { AppProcess, startApp } from './app-process.ts'
export type { AppEvent, AppExit, AppOptions, WaitOptions } from './app-process.ts'
export { lookUp } from './process-table.ts'
export type { ProcessEntry } from './process-table.ts'
