/** Whether Node and the application are one file (https://nodejs.org/api/single-executable-applications.html). */
export function isSingleExecutable(): boolean {
  // Not a static import: `node:sea` does not exist before 20.12 and 21.7.
  const sea = process.getBuiltinModule?.('node:sea') as { isSea(): boolean } | undefined
  return sea?.isSea() === true
}
