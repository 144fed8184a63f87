// The kinds of panels that the dashboards use, of the components that Grafana's own panels are made of.
import { PanelPlugin, VizOrientation, getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { config } from '@grafana/runtime';
import { sceneUtils } from '@grafana/scenes';
import { BarGauge, BigValue, Table, TimeSeries, VizRepeater } from '@grafana/ui';

function Nothing({ fieldConfig }) {
  return <div style={{ opacity: 0.6, margin: 'auto' }}>{fieldConfig.defaults.noValue ?? 'No data'}</div>;
}

function Lines(panel) {
  const { data, options } = panel;
  return data.series.length === 0 ? <Nothing {...panel} /> : (
    <TimeSeries
      frames={data.series} timeRange={data.timeRange} timeZone={panel.timeZone}
      width={panel.width} height={panel.height} legend={options.legend} options={options}
    />
  );
}

const values = (panel) => () => getFieldDisplayValues({
  fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions,
  replaceVariables: panel.replaceVariables, theme: config.theme2, data: panel.data.series,
  sparkline: true, timeZone: panel.timeZone,
});

function Repeated({ panel, orientation, draw }) {
  return (
    <VizRepeater
      getValues={values(panel)} getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={draw} renderCounter={panel.renderCounter}
      width={panel.width} height={panel.height} source={panel.data} orientation={orientation}
      itemSpacing={4}
    />
  );
}

function Stat(panel) {
  const draw = ({ value, width, height, count }) => (
    <BigValue
      value={{ ...value.display, title: count > 1 ? value.display.title : undefined }}
      sparkline={value.sparkline} width={width} height={height} count={count} theme={config.theme2}
      colorMode={panel.options.colorMode} textMode={panel.options.textMode} graphMode={panel.options.graphMode}
    />
  );
  return <Repeated panel={panel} orientation={VizOrientation.Auto} draw={draw} />;
}

function Bars(panel) {
  const draw = ({ value, width, height, alignmentFactors }) => (
    <BarGauge
      value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
      width={width} height={height} orientation={VizOrientation.Horizontal} theme={config.theme2}
      displayMode={panel.options.displayMode} namePlacement="auto" showUnfilled alignmentFactors={alignmentFactors} itemSpacing={8}
    />
  );
  return panel.data.series.length === 0 ? <Nothing {...panel} /> : (
    <Repeated panel={panel} orientation={VizOrientation.Horizontal} draw={draw} />
  );
}

function Rows(panel) {
  const frame = panel.data.series[0];
  if (!frame || frame.length === 0) {
    return <Nothing {...panel} />;
  }
  const by = panel.options.sortBy?.map(({ displayName, desc }) => ({ displayName, desc }));
  return <Table data={frame} width={panel.width} height={panel.height} initialSortBy={by} cellHeight="sm" />;
}

const customs = (names) => (builder) =>
  names.forEach(([path, defaultValue]) =>
    builder.addCustomEditor({
      id: path, path, name: path, defaultValue, editor: () => null, override: () => null,
      process: (value) => value, shouldApply: () => true, settings: {},
    }),
  );

const LINES = [
  ['drawStyle', 'line'], ['lineInterpolation', 'linear'], ['lineWidth', 1], ['fillOpacity', 0],
  ['showPoints', 'auto'], ['pointSize', 4], ['spanNulls', false], ['axisPlacement', 'auto'], ['axisSoftMin', undefined],
  ['stacking', undefined], ['thresholdsStyle', undefined],
];
const CELLS = [['width', undefined], ['align', 'auto'], ['cellOptions', { type: 'auto' }]];

export function register() {
  const kinds = {
    timeseries: new PanelPlugin(Lines).useFieldConfig({ useCustomConfig: customs(LINES) }),
    stat: new PanelPlugin(Stat).useFieldConfig(),
    bargauge: new PanelPlugin(Bars).useFieldConfig(),
    row: new PanelPlugin(() => null),
    table: new PanelPlugin(Rows).useFieldConfig({ useCustomConfig: customs(CELLS) }),
  };
  for (const [pluginId, plugin] of Object.entries(kinds)) {
    sceneUtils.registerRuntimePanelPlugin({ pluginId, plugin });
  }
}
