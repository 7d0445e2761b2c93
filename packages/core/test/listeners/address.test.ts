import type { ListenOptions } from 'node:net'
import { isBoundAs, requestedAddress } from '../../src/listeners/address.ts'

test.each<[ListenOptions & { fd?: unknown }, string | undefined]>([
  [{ port: 3000 }, 'tcp://*:3000'],
  [{ port: 3000, host: '' }, 'tcp://*:3000'],
  [{ port: 3000, host: null as unknown as string }, 'tcp://*:3000'],
  [{ port: '3000' as unknown as number, host: '0.0.0.0' }, 'tcp://0.0.0.0:3000'],
  [{ port: 3000, host: 'localhost' }, 'tcp://localhost:3000'],
  [{ port: 3000, host: '::' }, 'tcp://[::]:3000'],
  [{ port: 3000, host: '::1' }, 'tcp://[::1]:3000'],
  [{ path: '/run/app.sock' }, 'unix:///run/app.sock'],
  [{ path: '/run/app.sock', port: 3000 }, 'tcp://*:3000'],
  [{ fd: 3 }, 'fd://3'],
  [{ fd: 3, port: 3000 }, 'fd://3'],
  [{ port: 0 }, undefined],
  [{}, undefined],
  [{ port: undefined } as object, undefined],
  [{ port: 'http' as unknown as number }, undefined],
  [{ port: -1 }, undefined],
  [{ port: 1.5 }, undefined],
  [{ port: NaN }, undefined],
])('listen(%p) asks for %p', (options, address) => {
  expect(requestedAddress(options as ListenOptions & { fd?: number })).toBe(address)
})

test.each([
  ['tcp://*:3000', 'tcp://[::]:3000', true],
  ['tcp://*:3000', 'tcp://0.0.0.0:3000', true],
  ['tcp://*:3000', 'tcp://127.0.0.1:3000', false],
  ['tcp://*:3000', 'tcp://[::]:30000', false],
  ['tcp://*:3000', 'tcp://[::]:300', false],
  ['tcp://0.0.0.0:3000', 'tcp://0.0.0.0:3000', true],
  ['tcp://0.0.0.0:3000', 'tcp://[::]:3000', false],
  ['tcp://127.0.0.1:3000', 'tcp://0.0.0.0:3000', false],
  ['tcp://localhost:3000', 'tcp://127.0.0.1:3000', false],
  ['unix:///run/a.sock', 'unix:///run/a.sock', true],
  ['unix:///run/a.sock', 'unix:///run/b.sock', false],
])('%s is found at %s: %p', (requested, bound, found) => {
  expect(isBoundAs(requested, bound)).toBe(found)
})
