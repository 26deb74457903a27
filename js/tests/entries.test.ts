// The two entries of the package give the same names.
import { expect, test } from 'vitest';
import * as browser from '../browser.ts';
import * as anywhere from '../index.ts';

test('a bundle for browsers gives what the package gives elsewhere', () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(anywhere).sort());
});
