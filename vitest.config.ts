import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** A file to write the results to as JSON, for who counts them. */
const json = process.env.SOFTNET_TEST_JSON;

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // Examples import the package by its name; here that is the sources, as everything else.
    alias: [
      { find: /^softnet$/, replacement: source('./src/index.ts') },
      { find: /^softnet\/io-pkt$/, replacement: source('./src/iopkt/index.ts') },
      { find: /^softnet\/io-net$/, replacement: source('./src/ionet/index.ts') },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    testTimeout: 60_000,
    reporters: json === undefined ? ['default'] : ['default', ['json', { outputFile: json }]],
  },
});
