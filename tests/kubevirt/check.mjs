// Checks Kubernetes' YAML files by the API types: node check.mjs PLACE FILE…
//
// PLACE is where setup.sh has put the types. Each document becomes an object literal of its type, of which the
// TypeScript compiler says what is missing, of another type, or unknown.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const TYPES = {
  'kubevirt.io/v1 VirtualMachine': ['kubevirt', 'V1VirtualMachine'],
  'v1 Service': ['kubernetes', 'IoK8sApiCoreV1Service'],
};

const [place, ...files] = process.argv.slice(2).map((path) => resolve(path));
const { parseAllDocuments } = createRequire(join(place, 'package.json'))('yaml');
// Beside node_modules, where the compiler looks for the types.
const scratch = mkdtempSync(join(place, 'check-'));
try {
  const sources = files.map((file, index) => {
    const lines = [];
    parseAllDocuments(readFileSync(file, 'utf8')).forEach((document, number) => {
      if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0].message}`);
      const value = document.toJS();
      const kind = `${value.apiVersion} ${value.kind}`;
      if (!(kind in TYPES)) throw new Error(`${file}: no type is known for ${kind}`);
      const [module, type] = TYPES[kind];
      lines.push(`import type { ${type} as T${number} } from '@kubevirt-ui-ext/kubevirt-api/${module}';`);
      lines.push(`export const d${number}: T${number} = ${JSON.stringify(value)};`);
    });
    if (lines.length === 0) throw new Error(`${file}: there is nothing in it`);
    const source = join(scratch, `file${index}.mts`);
    writeFileSync(source, lines.join('\n'));
    return source;
  });
  const compiler = join(place, 'node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext'];
  execFileSync(process.execPath, [compiler, ...options, ...sources], { stdio: 'inherit' });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}
