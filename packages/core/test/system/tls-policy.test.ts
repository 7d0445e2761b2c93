import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import path from 'node:path'
import tls, { type Server, type TlsOptions } from 'node:tls'
import { tlsPolicyOf } from '../../src/system/tls-policy.ts'

const pem = (name: string) =>
  readFileSync(path.resolve(__dirname, `../../../conformance/fixtures/protocols/localhost.${name}.pem`))
const [key, cert, crl] = [pem('key'), pem('cert'), pem('crl')]
const make = (options: TlsOptions = {}): Server => tls.createServer({ key, cert, ...options })
const policy = (options?: TlsOptions) => tlsPolicyOf(make(options))

test('two servers with the same client requirements have the same policy, whatever their type', () => {
  const one = policy()
  expect(one).toEqual(expect.any(String))
  expect(policy()).toBe(one)
  for (const other of [https.createServer({ key, cert }), http2.createSecureServer({ key, cert })])
    expect(tlsPolicyOf(other)).toEqual(expect.any(String))
  // A certificate is renewed every few weeks, and imposes no requirement on clients.
  expect(tlsPolicyOf(tls.createServer())).toBe(one)
  expect(policy({ ca: cert })).toBe(policy({ ca: cert.toString() }))
  expect(policy({ crl })).toBe(policy({ crl: crl.toString() }))
  expect(policy({ handshakeTimeout: 1 })).toBe(one)
})

test.each<[string, TlsOptions]>([
  ['rejectUnauthorized', { rejectUnauthorized: false }],
  ['ca', { ca: cert }],
  ['another ca', { ca: [cert, cert] }],
  ['crl', { crl }],
  ['minVersion', { minVersion: 'TLSv1.3' }],
  ['maxVersion', { maxVersion: 'TLSv1.2' }],
  ['secureProtocol', { secureProtocol: 'TLSv1_2_method' }],
  ['secureOptions', { secureOptions: 0x4000 }],
  ['ciphers', { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }],
  ['honorCipherOrder', { honorCipherOrder: false }],
  ['ecdhCurve', { ecdhCurve: 'P-384' }],
  ['sigalgs', { sigalgs: 'RSA-PSS+SHA256' }],
  ['dhparam', { dhparam: 'auto' }],
])('a server that differs in %s has another policy', (_name, options) => {
  const other = policy(options)
  expect(other).not.toBe(policy())
})

test.each<[string, () => Server]>([
  ['that asks for client certificates', () => make({ requestCert: true })],
  ['that asks for them, and does not insist', () => make({ requestCert: true, rejectUnauthorized: false })],
  ['with a callback for server names', () => make({ SNICallback: (_name, done) => done(null) })],
  ['with pre-shared keys', () => make({ pskCallback: () => null })],
  [
    'with a context for a server name',
    () => {
      const server = make()
      server.addContext('example.com', { key, cert })
      return server
    },
  ],
  ['of a Node that keeps it elsewhere', () => Object.assign(make(), { _contexts: undefined })],
  ['that was given what cannot be compared', () => Object.assign(make(), { ca: { toJSON: () => 'x' } })],
])('a server %s has no policy', (_what, server) => {
  expect(tlsPolicyOf(server())).toBeUndefined()
})

test('the policy reflects the current settings', () => {
  const server = make()
  const before = tlsPolicyOf(server)
  server.setSecureContext({ key, cert, minVersion: 'TLSv1.3' })
  expect(tlsPolicyOf(server)).not.toBe(before)
})
