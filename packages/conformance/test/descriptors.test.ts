import path from 'node:path'
import { freePort, leftovers } from '@zerodrop/traffic'
import { Deployment, type ServerSpec } from './support/deployment.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Where there is no /proc a process cannot list what it has inherited.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

describeLinux('a child of the successor', () => {
  test('gets none of its inherited descriptors', async () => {
    const kinds = Array.from({ length: 20 }, (_each, index) => (index % 2 === 0 ? 'net' : 'udp4'))
    const servers = await Promise.all(
      kinds.map(
        async (kind): Promise<ServerSpec> => ({
          kind: kind as ServerSpec['kind'],
          name: kind,
          listen: { port: await freePort() },
        }),
      ),
    )
    const file = path.join(__dirname, '../fixtures/restart/descriptors.mjs')
    const site = await Deployment.start(undo, { servers }, { file })
    // As many as the tests' own environment lets through.
    const { atStart: plain } = await site.app.waitFor('descriptors')
    const from = site.app.lines.length
    await site.restart()
    const { atStart, listening } = await site.app.waitFor('descriptors', { from })
    expect(plain).toMatchObject({ sockets: 0 })
    expect(atStart).toMatchObject({ descriptors: (plain as { descriptors: number }).descriptors, sockets: 0 })
    expect(listening).toEqual({ ...(plain as object), variable: [] })
  })
})
