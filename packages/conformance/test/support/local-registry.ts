import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import type { Leftovers } from '@zerodrop/traffic'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
}

/**
 * Starts a registry for `npm install` on the loopback interface, so that no test needs the network. It serves the packages
 * that the package in `folder` depends on, as they are installed here, and no others.
 * @returns the address of the registry
 */
export async function startRegistry(undo: Leftovers, folder: string): Promise<string> {
  const packages = new Map<string, Map<string, string>>()
  collect(folder, packages)
  const server = createServer((request, response) => {
    const [name = '', version] = decodeURIComponent(request.url!.slice(1)).split('/-/')
    const versions = packages.get(name)
    const found = version === undefined ? undefined : versions?.get(version)
    if (found !== undefined) {
      const tar = ['--create', '--gzip', '--exclude=./node_modules', '--transform=s,^[.],package,']
      const { stdout } = spawn('tar', [...tar, '--directory', found, '.'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      stdout!.pipe(response)
    } else if (versions && version === undefined) {
      response.end(JSON.stringify(packument(name, versions, `http://${request.headers.host}`)))
    } else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.add(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest

/** Adds what a package depends on, each found where Node would find it. */
function collect(folder: string, packages: Map<string, Map<string, string>>): void {
  for (const name of Object.keys(manifestOf(folder).dependencies ?? {})) {
    const found = find(name, folder)
    const { version } = manifestOf(found)
    const versions = packages.get(name) ?? new Map<string, string>()
    packages.set(name, versions)
    if (versions.has(version)) continue
    versions.set(version, found)
    collect(found, packages)
  }
}

function find(name: string, from: string): string {
  const found = path.join(from, 'node_modules', name)
  if (existsSync(path.join(found, 'package.json'))) return found
  const above = path.dirname(from)
  if (above === from) throw new Error(`${name} is not installed`)
  return find(name, above)
}

/** The document of a package: its versions and where to download each. */
function packument(name: string, versions: ReadonlyMap<string, string>, address: string): object {
  const all = [...versions].map(([version, folder]) => {
    const tarball = `${address}/${name}/-/${version}`
    return [version, { ...manifestOf(folder), dist: { tarball } }] as const
  })
  return { name, 'dist-tags': { latest: all.at(-1)![0] }, versions: Object.fromEntries(all) }
}
