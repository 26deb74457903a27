import { defineConfig } from 'vitest/config';

/**
 * Unit tests of the TypeScript client and of the examples, in Node. Tests of hooks ask for jsdom at the head of their
 * file.
 */
export default defineConfig({
  test: {
    include: [
      'js/**/*.test.{ts,tsx}',
      'tests/js/**/*.test.{ts,tsx}',
      'examples/*/src/**/*.test.{ts,tsx}',
    ],
    environment: 'node',
    // Quicker to start than processes.
    pool: 'threads',
    testTimeout: 20_000,
  },
});
