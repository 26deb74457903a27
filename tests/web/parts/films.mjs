// The films as they must be in a database, from the file that the page reads them from.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../../scripts/parts/shell.mjs';
import { filmsFrom } from '../page/documents.mjs';

const file = join(root, 'node_modules/vega-datasets/data/movies.json');

export const FILMS = filmsFrom(JSON.parse(readFileSync(file, 'utf8')));
