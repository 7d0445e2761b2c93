/**
 * Makes an image for tests of the node that runs this, its libraries and a shell: `node scripts/docker-image.mjs NAME [FILE=PATH …]`.
 * Each FILE or folder is copied to PATH in the image. Exits with 1 and the reason if no engine of Docker on this machine can run it.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const [name, ...copies] = process.argv.slice(2)
const { execPath, pid } = process

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', ...options })
  if (status === 0) return stdout.trim()
  console.error(error?.message ?? stderr.trim())
  process.exit(1)
}

run('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 10_000 })
const root = mkdtempSync(path.join(tmpdir(), 'zerodrop-image-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))
// The root of the image: every user of a container may enter it.
chmodSync(root, 0o755)

/** tar follows the links, so nothing is copied twice. */
function put(from, to) {
  const target = path.join(root, to)
  mkdirSync(path.dirname(target), { recursive: true })
  symlinkSync(realpathSync(from), target)
}

const programs = ['/bin/sh', execPath]
const libraries = new Set(
  programs.flatMap(
    (each) => execFileSync('ldd', [each], { encoding: 'utf8' }).match(/\/[^\s)]+(?= \()/g) ?? [],
  ),
)
for (const library of libraries) put(library, library)
put('/bin/sh', '/bin/sh')
put(execPath, execPath)
if (execPath !== '/usr/local/bin/node') put(execPath, '/usr/local/bin/node')
for (const copy of copies) {
  const [from, to] = copy.split('=')
  put(from, to)
}
mkdirSync(path.join(root, 'etc'), { recursive: true })
mkdirSync(path.join(root, 'tmp'))
chmodSync(path.join(root, 'tmp'), 0o1777)
writeFileSync(path.join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nnode:x:1000:1000::/:/bin/sh\n')

const changes = ['ENV PATH=/usr/local/bin:/bin', 'CMD ["node", "/app/server.mjs"]', 'WORKDIR /app']
const pack = 'tar --dereference -C "$0" -c . | docker import "$@"'
run('sh', ['-c', pack, root, ...changes.flatMap((change) => ['--change', change]), '-', name])

// The engine may run on another machine, or outside of the container that this runs in.
const sees = `require('node:fs').readFileSync('/proc/${pid}/cmdline', 'utf8').includes('${name}')`
const probe = ['run', '--rm', '--network', 'host', '--pid', 'host', name, 'node', '-p', sees]
const seen = spawnSync('docker', probe, { encoding: 'utf8' })
if (seen.stdout.trim() !== 'true') {
  run('docker', ['rmi', '--force', name])
  console.error(
    seen.status === 0 || /ENOENT/.test(seen.stderr) ? 'The engine runs elsewhere.' : seen.stderr.trim(),
  )
  process.exit(1)
}
