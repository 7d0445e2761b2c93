/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'

const config: Config = {
  testEnvironment: 'node',
  // Tests run the sources of every package; the fixtures they start import the built packages, as users do.
  testEnvironmentOptions: { customExportConditions: ['@zerodrop/source', 'require', 'node', 'default'] },
  testMatch: ['<rootDir>/packages/*/test/**/*.test.ts', '<rootDir>/examples/*/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/\\.demo/', '<rootDir>/packages/[^/]+/\\.dist-'],
  transform: {
    '\\.m?ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  moduleFileExtensions: ['js', 'mjs', 'cjs', 'json', 'ts', 'mts'],
  globalSetup: '<rootDir>/scripts/jest-global-setup.mjs',
  globalTeardown: '<rootDir>/scripts/jest-global-teardown.mjs',
  setupFilesAfterEnv: ['<rootDir>/packages/core/test/unsubscribe.ts'],
  // A guard: nothing takes long, unless the machine is held up.
  testTimeout: 240_000,
  maxWorkers: 2,
}

export default config
