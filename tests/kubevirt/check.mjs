// Checks Kubernetes' YAML files and Grafana's dashboards by the API types: node check.mjs PLACE FILE…
//
// PLACE is where setup.sh has put the types. Each document becomes an object literal of its type, of which the
// TypeScript compiler says what is missing, of another type, or unknown.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const KUBERNETES = '@kubevirt-ui-ext/kubevirt-api/kubernetes';
const OPERATOR = '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
const TYPES = {
  'kubevirt.io/v1 VirtualMachine': ['@kubevirt-ui-ext/kubevirt-api/kubevirt', 'V1VirtualMachine'],
  'v1 Service': [KUBERNETES, 'IoK8sApiCoreV1Service'],
  'v1 ConfigMap': [KUBERNETES, 'IoK8sApiCoreV1ConfigMap'],
  'v1 PersistentVolumeClaim': [KUBERNETES, 'IoK8sApiCoreV1PersistentVolumeClaim'],
  'apps/v1 DaemonSet': [KUBERNETES, 'IoK8sApiAppsV1DaemonSet'],
  'batch/v1 Job': [KUBERNETES, 'IoK8sApiBatchV1Job'],
  'monitoring.coreos.com/v1 PodMonitor': [`${OPERATOR}/PodMonitor`, 'IPodMonitor'],
  'monitoring.coreos.com/v1 PrometheusRule': [`${OPERATOR}/PrometheusRule`, 'IPrometheusRule'],
};

// Panels' own options and the fields' drawing, by the panel's type.
const PANEL = '@grafana/schema/dist/esm/raw/composable';
const PANELS = {
  timeseries: `${PANEL}/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen`,
  stat: `${PANEL}/stat/panelcfg/x/StatPanelCfg_types.gen`,
  heatmap: `${PANEL}/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen`,
  'state-timeline': `${PANEL}/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen`,
};

// In JSON an enumeration's member is its value.
const PLAIN = `
type Plain<T> = T extends string ? \`\${T}\`
  : T extends number | boolean | null | undefined ? T
  : T extends (infer E)[] ? Plain<E>[]
  : { [K in keyof T]: Plain<T[K]> };`;

/** Returns the lines that declare `value`, document `number` of a YAML file. */
function object(file, value, number) {
  const kind = `${value.apiVersion} ${value.kind}`;
  if (!(kind in TYPES)) throw new Error(`${file}: no type is known for ${kind}`);
  const [module, type] = TYPES[kind];
  return [
    `import type { ${type} as T${number} } from '${module}';`,
    `export const d${number}: T${number} = ${JSON.stringify(value)};`,
  ];
}

/** Returns the lines that declare the dashboard `value`, and the options of each of its panels. */
function dashboard(file, value) {
  const lines = [
    `import type { Dashboard, Panel, RowPanel } from '@grafana/schema';`,
    PLAIN,
    `export const dashboard: Plain<Omit<Dashboard, 'panels'>> = ${JSON.stringify({ ...value, panels: undefined })};`,
  ];
  value.panels.forEach((panel, number) => {
    if (panel.type === 'row') {
      lines.push(`export const p${number}: Plain<RowPanel> = ${JSON.stringify(panel)};`);
      return;
    }
    if (!(panel.type in PANELS)) throw new Error(`${file}: no type is known for panel ${panel.type}`);
    const custom = panel.fieldConfig.defaults.custom;
    lines.push(
      `import type * as M${number} from '${PANELS[panel.type]}';`,
      `export const p${number}: Plain<Panel> = ${JSON.stringify(panel)};`,
      `export const o${number}: Plain<Partial<M${number}.Options>> = ${JSON.stringify(panel.options)};`,
    );
    if (custom) {
      lines.push(`export const f${number}: Plain<M${number}.FieldConfig> = ${JSON.stringify(custom)};`);
    }
  });
  return lines;
}

const [place, ...files] = process.argv.slice(2).map((path) => resolve(path));
const { parseAllDocuments } = createRequire(join(place, 'package.json'))('yaml');
// Beside node_modules, where the compiler looks for the types.
const scratch = mkdtempSync(join(place, 'check-'));
try {
  const sources = files.map((file, index) => {
    const text = readFileSync(file, 'utf8');
    const lines = file.endsWith('.json') ? dashboard(file, JSON.parse(text)) : [];
    if (!file.endsWith('.json')) {
      parseAllDocuments(text, { merge: true }).forEach((document, number) => {
        if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0].message}`);
        lines.push(...object(file, document.toJS(), number));
      });
    }
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
