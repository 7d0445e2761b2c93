import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export const root = path.join(__dirname, '../../../..')

/** A fenced block of a page. */
export interface Block {
  /** The page and the line that the fence is on, as an editor opens it. */
  readonly place: string
  readonly language: string
  readonly code: string
  /** Why nothing checks this block, where the comment `<!-- not checked: … -->` above it gives a reason. */
  readonly unchecked: string | undefined
}

/** Every page of Markdown that the repository publishes, relative to its root. */
export function pages(): string[] {
  const folders = ['.', 'docs', 'benchmarks', ...subfolders('packages'), ...subfolders('examples')]
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => path.join(folder, name)),
  )
}

function subfolders(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(folder, name))
}

export function read(page: string): string {
  return readFileSync(path.join(root, page), 'utf8')
}

/** Every fenced block of a page, in order. */
export function blocks(page: string): Block[] {
  const text = read(page)
  return [...text.matchAll(/(?:^<!-- not checked: (.+) -->\n)?^```(\w*)\n([^]*?)^```$/gm)].map((match) => {
    const [all, unchecked, language = '', code = ''] = match
    const fence = match.index + all.indexOf('```')
    return { place: `${page}:${text.slice(0, fence).split('\n').length}`, language, code, unchecked }
  })
}

/** The examples in the docstrings of every public package, as blocks. What uses `lifecycle` need not import it. */
export function examples(): Block[] {
  const sources = subfolders('packages')
    .map((folder) => path.join(folder, 'src'))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => path.join(folder, name)),
    )
  return sources.flatMap((file) => {
    const text = read(file)
    return [...text.matchAll(/^ *\* @example\n *\* ```ts\n([^]*?)^ *\* ```$/gm)].map(([all, lines = '']) => {
      const line = text.slice(0, text.indexOf(all)).split('\n').length + 1
      const code = lines.replaceAll(/^ *\* ?/gm, '')
      const imported = !/\blifecycle\b/.test(code) || /import .*\blifecycle\b/.test(code)
      const prelude = imported ? '' : "import { lifecycle } from '@zerodrop/core'; "
      return { place: `${file}:${line}`, language: 'ts', code: prelude + code, unchecked: undefined }
    })
  })
}

/** The text of a page without its code, in which brackets and hashes mean nothing. */
export function prose(page: string): string {
  return read(page)
    .replaceAll(/^```[^]*?^```$/gm, '')
    .replaceAll(/`[^`\n]+`/g, 'code')
}

/** The anchors of a page's headings, as GitHub forms them. */
export function anchors(page: string): Set<string> {
  const found = new Set<string>()
  const text = read(page).replaceAll(/^```[^]*?^```$/gm, '')
  for (const [, heading = ''] of text.matchAll(/^#{1,6} (.+)$/gm)) {
    const anchor = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    let unique = anchor
    for (let count = 1; found.has(unique); count += 1) unique = `${anchor}-${count}`
    found.add(unique)
  }
  return found
}
