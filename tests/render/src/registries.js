// What Grafana's core registers at its start and its libraries expect: the standard options of
// fields, editors (which nobody opens here), and transformations.
import * as data from '@grafana/data';

const option = (id, process, more = {}) => ({
  id, path: id, name: id, description: '', process, settings: {},
  editor: () => null, override: () => null, shouldApply: () => true, ...more,
});

const OPTIONS = [
  option('unit', data.unitOverrideProcessor),
  option('min', data.numberOverrideProcessor),
  option('max', data.numberOverrideProcessor),
  option('decimals', data.numberOverrideProcessor),
  option('displayName', data.displayNameOverrideProcessor),
  option('noValue', data.identityOverrideProcessor),
  option('color', data.identityOverrideProcessor, { defaultValue: { mode: 'palette-classic' } }),
  option('thresholds', data.thresholdsOverrideProcessor, {
    defaultValue: { mode: 'absolute', steps: [{ value: -Infinity, color: 'text' }] },
  }),
  option('mappings', data.valueMappingsOverrideProcessor, { defaultValue: [] }),
  option('links', data.identityOverrideProcessor, { defaultValue: [] }),
];

const EDITORS = [
  'number', 'text', 'boolean', 'select', 'radio', 'slider', 'unit', 'color', 'fieldColor',
  'thresholds', 'mappings', 'links', 'stats-picker', 'multi-select', 'string', 'strings',
  'timezone', 'field-name', 'dashboard-uid', 'actions', 'nested',
];

export function register() {
  data.standardFieldConfigEditorRegistry.setInit(() => OPTIONS);
  data.standardEditorsRegistry.setInit(() => EDITORS.map((id) => ({ id, name: id, editor: () => null })));
  data.standardTransformersRegistry.setInit(() =>
    // One is there under two names.
    [...new Map(Object.values(data.standardTransformers).map((t) => [t.id, t])).values()].map((transformer) => ({
      id: transformer.id,
      name: transformer.name,
      editor: () => null,
      transformation: transformer,
    })),
  );
}
