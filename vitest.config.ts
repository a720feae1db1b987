import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** A file to write the results to as JSON, for who counts them. */
const json = process.env.SOFTNET_TEST_JSON;

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests with other programs, guests or this computer's kernel in them: real time passes, and they want a core to themselves. */
const REAL_TIME = [
  'src/attach/**/*.test.ts',
  'src/ports/*.test.ts',
  'src/lab/server/*.test.ts',
  'src/chips/i8255x/qemu.test.ts',
  'src/scenario/{iopkt,qemu}.test.ts',
  'test/qdisc/*.test.ts',
  'test/scenario/{cli,guest,hostile,ipxe-boot,linux-*,network-boot,restore,shape,shim-scenarios,tc-cli,tools-cli,v86-cards}.test.ts',
];

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
    testTimeout: 60_000,
    reporters: json === undefined ? ['default'] : ['default', ['json', { outputFile: json }]],
    // First those on the virtual clock, side by side; then the others, one after the other.
    projects: [
      {
        extends: true,
        test: {
          name: 'virtual',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...REAL_TIME],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'real', include: REAL_TIME, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
