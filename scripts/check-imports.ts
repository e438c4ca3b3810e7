// Holds src/ to the import rules of docs/architecture.md: each folder may import itself, the folders named
// here and src/errors.ts, and only the folders marked so may import `node:` modules.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

interface Rule {
  /** Folders of src, or files within one. */
  readonly imports: readonly string[]
  readonly packages?: readonly string[]
  readonly node?: true
}

const rules: Record<string, Rule> = {
  'index.ts': { imports: ['api'] },
  'errors.ts': { imports: [] },
  graph: { imports: [] },
  quant: { imports: [] },
  models: { imports: ['graph'] },
  ffi: { imports: [], packages: ['koffi'], node: true },
  io: { imports: ['ffi'], packages: ['ignore'], node: true },
  hub: { imports: ['io'], packages: ['@huggingface/hub', 'zod'], node: true },
  formats: {
    imports: ['quant', 'io', 'tokenizer/json.ts', 'tokenizer/gguf-keys.ts', 'tokenizer/hf-files.ts'],
  },
  tokenizer: { imports: [] },
  chat: { imports: [], packages: ['@huggingface/jinja', 'zod'] },
  code: { imports: [], packages: ['diff'] },
  grammar: { imports: [] },
  backends: { imports: ['graph', 'quant', 'ffi'], node: true },
  engine: { imports: ['graph', 'backends/backend.ts', 'backends/logits.ts', 'models'] },
  api: {
    imports: [
      'graph',
      'quant',
      'models',
      'io',
      'hub',
      'formats',
      'tokenizer',
      'chat',
      'code',
      'grammar',
      'backends',
      'engine',
    ],
    packages: ['zod', '@standard-schema/spec'],
  },
  server: { imports: ['api', 'chat', 'io'], packages: ['zod'], node: true },
  cli: {
    imports: ['api', 'chat', 'code', 'io', 'server', 'ffi/paths.ts'],
    packages: ['commander', 'picocolors', 'cli-progress', 'string-width'],
    node: true,
  },
}

const source = resolve(import.meta.dirname, '../src')
const problems: string[] = []

for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
  const file = join(entry.parentPath, entry.name)
  const path = relative(source, file)
  const folder = path.split('/')[0]!
  const rule = rules[folder]
  if (!rule) problems.push(`src/${path}: the folder ${folder} has no rule in scripts/check-imports.ts`)
  else
    for (const specifier of importsOf(readFileSync(file, 'utf8'))) check(file, path, folder, rule, specifier)
}

if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}

function check(file: string, path: string, folder: string, rule: Rule, specifier: string): void {
  const complain = (why: string) => problems.push(`src/${path}: imports ${specifier}: ${why}`)
  if (specifier.startsWith('node:')) {
    if (!rule.node) complain(`src/${folder} must run without Node's modules`)
  } else if (!specifier.startsWith('.')) {
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    if (!rule.packages?.includes(name)) complain(`src/${folder} does not use this package`)
  } else {
    const target = relative(source, resolve(dirname(file), specifier))
    const allowed = [folder, 'errors.ts', ...rule.imports]
    if (!allowed.some(prefix => target === prefix || target.startsWith(`${prefix}/`)))
      complain(`src/${folder} may import only ${rule.imports.join(', ') || 'itself'}`)
  }
}

/** Specifiers of static imports, re-exports and dynamic imports. */
function importsOf(code: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g
  return [...code.matchAll(pattern)].map(match => (match[1] ?? match[2] ?? match[3])!)
}
