// One dashboard of the folder, drawn with Grafana's own libraries.
import { EventBusSrv, ThemeContext, createTheme } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import * as runtime from '@grafana/runtime';
import {
  CustomVariable, EmbeddedScene, SceneDataTransformer, SceneGridItem, SceneGridLayout, SceneQueryRunner,
  SceneTimeRange, SceneVariableSet, VariableValueSelectors, VizPanel, loadResources, sceneUtils,
} from '@grafana/scenes';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { catchError, map, of } from 'rxjs';

import * as panels from './panels.jsx';
import { Prometheus } from './prometheus.js';
import * as registries from './registries.js';

const WIDTH = 1600;
const asked = new URLSearchParams(location.search);

function prepare() {
  registries.register();
  panels.register();
  const source = new Prometheus();
  sceneUtils.registerRuntimeDataSource({ dataSource: source });
  runtime.config.theme2 = createTheme({ colors: { mode: 'dark' } });
  runtime.setAppEvents(new EventBusSrv());
  runtime.setEchoSrv({ addBackend() {}, addEvent() {}, flush() {} });
  runtime.setPluginImportUtils({
    getPanelPluginFromCache: () => undefined,
    importPanelPlugin: async (id) => { throw new Error(`no panel of this kind here: ${id}`); },
  });
  runtime.setDataSourceSrv({ get: async () => source, getList: () => [], getInstanceSettings: () => undefined, reload() {} });
  runtime.setRunRequest((dataSource, request) =>
    dataSource.query(request).pipe(
      map(({ data }) => ({ state: 'Done', series: data, timeRange: request.range, request })),
      catchError((error) => {
        console.error(String(error));
        return of({ state: 'Error', series: [], timeRange: request.range, error: { message: String(error) } });
      }),
    ),
  );
}

const variable = ({ name, label, allValue }) =>
  new CustomVariable({ name, label, query: 'All', isMulti: true, includeAll: true, allValue, value: '$__all', text: 'All' });

function panel(json) {
  const queries = new SceneQueryRunner({ datasource: json.datasource, queries: json.targets, maxDataPoints: 400 });
  const transformations = json.transformations ?? [];
  return new VizPanel({
    key: `panel-${json.id}`, title: json.title, description: json.description, pluginId: json.type,
    options: json.options, fieldConfig: json.fieldConfig,
    $data: transformations.length ? new SceneDataTransformer({ $data: queries, transformations }) : queries,
  });
}

function scene(dashboard) {
  const place = ({ gridPos: { x, y, w, h } }) => ({ x, y, width: w, height: h, isDraggable: false, isResizable: false });
  const shown = dashboard.panels.map((json) =>
    new SceneGridItem({
      ...place(json),
      body: json.type === 'row'
        ? new VizPanel({ title: json.title, pluginId: 'row', displayMode: 'transparent', isCollapsible: false })
        : panel(json),
    }),
  );
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from: asked.get('from') ?? dashboard.time.from, to: asked.get('to') ?? 'now' }),
    $variables: new SceneVariableSet({
      variables: dashboard.templating.list.filter(({ type }) => type === 'query').map(variable),
    }),
    controls: [new VariableValueSelectors({})],
    body: new SceneGridLayout({ isLazy: false, children: shown }),
  });
}

async function main() {
  prepare();
  const dashboard = await (await fetch(`/dashboards/${asked.get('dashboard')}.json`)).json();
  await initPluginTranslations('grafana-scenes', [loadResources]);
  const drawn = scene(dashboard);
  createRoot(document.getElementById('root')).render(
    <ThemeContext.Provider value={runtime.config.theme2}>
      <GlobalStyles />
      <MemoryRouter>
        <PortalContainer />
        <h1 style={{ margin: '12px 16px 0', fontSize: 20 }}>{dashboard.title}</h1>
        <p style={{ margin: '4px 16px 8px', opacity: 0.7 }}>{dashboard.description}</p>
        <div style={{ width: WIDTH, padding: '0 8px', display: 'flex' }}><drawn.Component model={drawn} /></div>
      </MemoryRouter>
    </ThemeContext.Provider>,
  );
}

main().catch((error) => console.error(error.stack));
