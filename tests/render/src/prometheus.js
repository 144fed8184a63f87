// A data source that asks Prometheus as Grafana's own does: ranges, moments, tables.
import { toDataFrame } from '@grafana/data';
import { RuntimeDataSource, sceneGraph } from '@grafana/scenes';
import { from } from 'rxjs';

// What Grafana's data source is configured with: how often Prometheus scrapes.
const SCRAPE_SECONDS = 5;

const ask = async (path, values) => {
  const answer = await (await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(values)}`)).json();
  if (answer.status !== 'success') {
    throw new Error(`${values.query}: ${answer.error}`);
  }
  return answer.data.result;
};

const named = (legend, labels) =>
  legend === '__auto'
    ? Object.entries(labels).filter(([name]) => name !== '__name__').map(([name, value]) => `${name}=${value}`).join(', ')
    : legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');

const ofTable = (refId, series, isAlone) => {
  const names = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].filter((n) => n !== '__name__');
  return toDataFrame({
    refId,
    fields: [
      { name: 'Time', type: 'time', values: series.map(({ value }) => value[0] * 1000) },
      ...names.map((name) => ({ name, type: 'string', values: series.map(({ metric }) => metric[name] ?? '') })),
      { name: isAlone ? 'Value' : `Value #${refId}`, type: 'number', values: series.map(({ value }) => Number(value[1])) },
    ],
  });
};

const ofSeries = (target, { metric, values }, times) => {
  // What is not a number is a gap.
  const known = new Map(values.map(([time, value]) => [time * 1000, value === 'NaN' ? null : Number(value)]));
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: 'time', values: times },
      {
        name: 'Value', type: 'number', labels: metric, values: times.map((time) => known.get(time) ?? null),
        config: { displayNameFromDS: named(target.legendFormat, metric) },
      },
    ],
  });
};

export class Prometheus extends RuntimeDataSource {
  constructor() {
    super('prometheus', 'prometheus');
  }

  query(request) {
    return from(this.run(request));
  }

  async run({ range, intervalMs, scopedVars, targets }) {
    const scene = scopedVars.__sceneObject.value.valueOf();
    const step = Math.max(SCRAPE_SECONDS, Math.ceil(intervalMs / 1000));
    const [start, end] = [range.from.unix(), range.to.unix()].map((t) => Math.floor(t / step) * step);
    const times = Array.from({ length: (end - start) / step + 1 }, (_, at) => (start + at * step) * 1000);
    const known = {
      ...scopedVars,
      __rate_interval: { value: `${Math.max(4 * SCRAPE_SECONDS, step + SCRAPE_SECONDS)}s` },
      __range: { value: `${end - start}s` },
    };
    const frames = targets.map(async (target) => {
      const query = sceneGraph.interpolate(scene, target.expr, known);
      if (!target.instant) {
        const series = await ask('query_range', { query, start, end, step });
        return series.map((one) => ofSeries(target, one, times));
      }
      const series = await ask('query', { query, time: end });
      return target.format === 'table'
        ? series.length === 0 ? [] : [ofTable(target.refId, series, targets.length === 1)]
        : series.map(({ metric, value }) => ofSeries(target, { metric, values: [value] }, [value[0] * 1000]));
    });
    return { data: (await Promise.all(frames)).flat() };
  }

  async testDatasource() {
    return { status: 'success', message: '' };
  }
}
