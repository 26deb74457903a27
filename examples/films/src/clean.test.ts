import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { filmsFrom, type RawFilm } from './clean.ts';

const datasets = createRequire(import.meta.url).resolve('vega-datasets');
const file = new URL('../data/movies.json', `file://${datasets}`);
const rows = JSON.parse(readFileSync(file, 'utf8')) as RawFilm[];
const films = filmsFrom(rows);

const one = (row: RawFilm) => filmsFrom([row])[0];
const date = (text: string) => one({ 'Release Date': text })?.releaseDate;

describe('a row', () => {
  it('has a title, be it a number or missing', () => {
    expect(one({ Title: 1776 })?.title).toBe('1776');
    expect(one({ Title: ' 300 ' })?.title).toBe('300');
    expect(one({ Title: null })?.title).toBe('Untitled');
    expect(one({})?.title).toBe('Untitled');
  });

  it('keeps zero and has null for what is missing', () => {
    expect(one({ 'US Gross': 0, 'Worldwide Gross': null })).toMatchObject({
      usGross: 0,
      worldwideGross: null,
      imdbRating: null,
      director: null,
    });
  });

  it('has its date in the right century, or none', () => {
    expect(date('Jun 12 1998')).toBe(Date.UTC(1998, 5, 12));
    expect(date('Dec 15 2039')).toBe(Date.UTC(1939, 11, 15));
    expect(date('Mar 04 2011')).toBe(Date.UTC(2011, 2, 4));
    for (const odd of ['', 'TBD', 'unF 01 1999', '1999-01-01']) expect(date(odd)).toBeNull();
  });

  it('has its letters back', () => {
    expect(one({ Title: 'L\u00c8on' })?.title).toBe('L\u00e9on');
    expect(one({ Title: 'Alien\u00b3' })?.title).toBe('Alien\u00b3');
  });
});

describe('the file', () => {
  it('is 3,201 films with ids that sort like its rows', () => {
    const ids = films.map(({ id }) => id);
    expect(ids.length).toBe(3_201);
    expect(new Set(ids).size).toBe(3_201);
    expect([...ids].sort()).toEqual(ids);
    expect([ids[0], ids.at(-1)]).toEqual(['0001', '3201']);
  });

  it('keeps every value that is there', () => {
    const count = (name: string) => rows.filter((row) => row[name] !== null).length;
    const kept = (name: keyof (typeof films)[number]) =>
      films.filter((film) => film[name] !== null).length;
    expect(kept('director')).toBe(count('Director'));
    expect(kept('majorGenre')).toBe(count('Major Genre'));
    expect(kept('imdbRating')).toBe(count('IMDB Rating'));
    expect(kept('worldwideGross')).toBe(count('Worldwide Gross'));
    expect(kept('runningTimeMinutes')).toBe(count('Running Time min'));
    expect(kept('releaseDate')).toBe(3_201);
  });

  it('has no film from the future, and one from 1915', () => {
    const years = films.map((film) => new Date(film.releaseDate ?? 0).getUTCFullYear());
    expect(Math.min(...years)).toBe(1915);
    expect(Math.max(...years)).toBe(2011);
    const birth = films.find(({ title }) => title === 'The Birth of a Nation');
    expect(birth?.releaseDate).toBe(Date.UTC(1915, 1, 8));
  });
});
