// Draws every dashboard into a PNG file.
//   node render.mjs PROMETHEUS FOLDER [NAME ...] [--from=MOMENT] [--to=MOMENT]
// PROMETHEUS is its URL; FOLDER is where the pictures go; without names all are drawn.
import { createServer } from 'node:http';
import { readFile, readdir } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { chromium } from 'playwright-core';

const words = process.argv.slice(2);
const flag = (name) => words.find((word) => word.startsWith(`--${name}=`))?.split('=').slice(1).join('=');
const [prometheus, folder, ...names] = words.filter((word) => !word.startsWith('--'));
if (!folder) {
  console.error('render.mjs: say the URL of Prometheus and the folder for the pictures');
  process.exit(2);
}
const here = import.meta.dirname;
const dashboards = join(here, '../../dashboards');
const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.css': 'text/css' };

async function answer(request) {
  const { pathname, search } = new URL(request.url, 'http://localhost');
  if (pathname.startsWith('/prometheus/')) {
    const answered = await fetch(prometheus + pathname.slice('/prometheus'.length) + search);
    return ['application/json', await answered.text()];
  }
  const path = normalize(pathname === '/' ? '/index.html' : pathname);
  const file = path.startsWith('/dashboards/') ? join(dashboards, path.slice('/dashboards/'.length)) : join(here, 'dist', path);
  return [KINDS[extname(file)] ?? 'application/octet-stream', await readFile(file)];
}

const server = createServer((request, response) => {
  answer(request).then(
    ([kind, body]) => response.setHeader('content-type', kind).end(body),
    (error) => { response.statusCode = 404; response.end(String(error)); },
  );
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const base = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--hide-scrollbars'],
});
const files = (await readdir(dashboards)).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5)).sort();
let failed = false;
for (const name of files.filter((name) => names.length === 0 || names.includes(name))) {
  const dashboard = JSON.parse(await readFile(join(dashboards, `${name}.json`)));
  const rows = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
  const page = await browser.newPage({ viewport: { width: 1620, height: rows * 38 + 170 } });
  const said = [];
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error') said.push(message.text()); });
  const query = new URLSearchParams({ dashboard: name });
  for (const limit of ['from', 'to']) {
    if (flag(limit)) query.set(limit, flag(limit));
  }
  await page.goto(`${base}/?${query}`, { timeout: 120_000 });
  await page.waitForSelector('[data-viz-panel-key]', { timeout: 120_000 });
  await page.waitForLoadState('networkidle');
  await page.waitForTimeout(2_000);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.close();
  // Fonts and icons of a Grafana server are not here.
  const faults = said.filter((line) => line.startsWith('Error'));
  console.log(`${name}.png`, ...faults);
  failed ||= faults.length > 0;
}
await browser.close();
server.close();
process.exit(failed ? 1 : 0);
