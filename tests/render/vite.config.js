import { resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { 'react-router-dom-v5-compat': resolve('src/router.jsx') } },
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  build: { minify: false, sourcemap: false, chunkSizeWarningLimit: 100_000 },
});
