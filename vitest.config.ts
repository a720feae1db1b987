import { defineConfig } from 'vitest/config';

/** A file to write the results to as JSON, for who counts them. */
const json = process.env.SOFTNET_TEST_JSON;

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    reporters: json === undefined ? ['default'] : ['default', ['json', { outputFile: json }]],
  },
});
