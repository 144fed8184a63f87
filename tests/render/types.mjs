// Holds every dashboard against Grafana's own types: as literals, so that a field too many is a fault, too.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const here = import.meta.dirname;
const dashboards = join(here, '../../dashboards');
const names = (await readdir(dashboards)).filter((name) => name.endsWith('.json')).sort();
const literals = await Promise.all(names.map(async (name, at) =>
  `export const dashboard${at}: Plain<Dashboard> = ${await readFile(join(dashboards, name), 'utf8')};`));
await mkdir(join(here, 'dist'), { recursive: true });
// In a file the values of an enumeration are words.
const plain = 'type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;';
await writeFile(join(here, 'dist/types.ts'), `import type { Dashboard } from '@grafana/schema';\n${plain}\n${literals.join('\n')}\n`);
const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'es2022'];
const checked = spawnSync(join(here, 'node_modules/.bin/tsc'), [...options, 'dist/types.ts'], { cwd: here, stdio: 'inherit' });
console.log(checked.status === 0 ? `${names.length} dashboards are what Grafana's types say` : 'not what Grafana\'s types say');
process.exit(checked.status ?? 1);
