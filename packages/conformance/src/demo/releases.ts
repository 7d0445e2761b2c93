import {
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { repository } from '../repository.ts'

/**
 * Releases as deploy tools lay them out: a folder for each, and a symlink `current` to the newest. Inside the
 * repository, so that what a server imports is found in its node_modules.
 */
export class Releases {
  readonly folder: string = path.join(repository, '.demo', String(process.pid))
  /** What to start, relative to `folder`: it leads through the symlink. */
  readonly script: string
  readonly #server: string

  constructor(server: string) {
    this.#server = server
    this.script = path.join('current', path.basename(server))
    // A demo that was killed may have left one under the same pid.
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Adds a release, and makes it current in one step: readers see either the old one or this one. */
  deploy(version: string): void {
    const release = path.join('releases', version)
    const target = path.join(this.folder, release)
    mkdirSync(target, { recursive: true })
    const manifest = path.join(path.dirname(this.#server), 'package.json')
    for (const file of [this.#server, manifest])
      if (existsSync(file)) copyFileSync(file, path.join(target, path.basename(file)))
    writeFileSync(path.join(target, 'version.txt'), `${version}\n`)
    const next = path.join(this.folder, 'next')
    symlinkSync(release, next)
    renameSync(next, path.join(this.folder, 'current'))
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
    try {
      rmdirSync(path.dirname(this.folder))
    } catch {
      // Another demo is at work there, or has removed it.
    }
  }
}
